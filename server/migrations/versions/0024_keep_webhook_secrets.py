"""Keep the webhook secrets of accounts, encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
# Whatever changes a secret, a server or a command: none can forget to tell.
ANNOUNCE = """
CREATE OR REPLACE FUNCTION announce_webhook_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'financial_report_generator',
        json_build_array(json_build_array('s', coalesce(NEW.account, OLD.account)))::text
    );
    RETURN NULL;
END
$$
"""
ON_SECRETS = """
CREATE OR REPLACE TRIGGER announce_webhook_secret AFTER INSERT OR UPDATE OR DELETE ON webhook_secrets
FOR EACH ROW EXECUTE FUNCTION announce_webhook_secret()
"""


def upgrade() -> None:
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sealed_with", sa.String(16), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("key_set", sa.String(22), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_webhook_secrets_account_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index("ix_webhook_secrets_account", "webhook_secrets", ["account"])
    op.create_index("ix_webhook_secrets_key_set", "webhook_secrets", ["key_set"])
    op.create_index(
        "ix_webhook_secrets_current",
        "webhook_secrets",
        ["account"],
        unique=True,
        postgresql_where=sa.text("expires_at IS NULL"),
    )
    op.execute(ANNOUNCE)
    op.execute(ON_SECRETS)


def downgrade() -> None:
    op.drop_table("webhook_secrets")
    op.execute("DROP FUNCTION announce_webhook_secret")
