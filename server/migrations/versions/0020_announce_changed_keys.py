"""Announce changes of keys and accounts to every server, in the transaction that makes them."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Whatever changes a key, a server or a command: none can forget to tell, and nothing can die in between. A new key is
# not announced: no server remembers that there was none. Neither is `last_used_at`, which every server writes.
ANNOUNCE_KEY = """
CREATE OR REPLACE FUNCTION announce_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('financial_report_generator', json_build_array(json_build_array('k', OLD.id))::text);
    RETURN NULL;
END
$$
"""
ON_KEYS = """
CREATE OR REPLACE TRIGGER announce_api_key
AFTER DELETE OR UPDATE OF account, sha256, scopes, expires_at, revoked_at, replaced_by ON api_keys
FOR EACH ROW EXECUTE FUNCTION announce_api_key()
"""
ANNOUNCE_ACCOUNT = """
CREATE OR REPLACE FUNCTION announce_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'financial_report_generator', json_build_array(json_build_array('o', coalesce(NEW.name, OLD.name)))::text
    );
    RETURN NULL;
END
$$
"""
ON_ACCOUNTS = """
CREATE OR REPLACE TRIGGER announce_account AFTER INSERT OR UPDATE OR DELETE ON accounts
FOR EACH ROW EXECUTE FUNCTION announce_account()
"""


def upgrade() -> None:
    op.execute(ANNOUNCE_KEY)
    op.execute(ON_KEYS)
    op.execute(ANNOUNCE_ACCOUNT)
    op.execute(ON_ACCOUNTS)


def downgrade() -> None:
    op.execute("DROP TRIGGER announce_account ON accounts")
    op.execute("DROP FUNCTION announce_account")
    op.execute("DROP TRIGGER announce_api_key ON api_keys")
    op.execute("DROP FUNCTION announce_api_key")
