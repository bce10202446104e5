"""Note which reports are to be deleted, in the transaction that deletes their requests."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Whatever deletes requests, and however many: no statement can forget it.
NOTE = """
CREATE FUNCTION note_files_to_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO files_to_delete (request_id) SELECT id FROM deleted ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER note_files_to_delete AFTER DELETE ON requests REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION note_files_to_delete()
"""


def upgrade() -> None:
    op.create_table(
        "files_to_delete",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("again", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_files_to_delete")),
    )
    op.create_index("ix_files_to_delete_due_at", "files_to_delete", ["due_at"])
    op.execute(NOTE)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER note_files_to_delete ON requests")
    op.execute("DROP FUNCTION note_files_to_delete")
    op.drop_table("files_to_delete")
