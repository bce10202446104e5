"""Let async requests have no callback."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

POSITION_AND_CALLBACK = "ck_requests_async_has_position_and_callback"
POSITION = "ck_requests_async_has_position"
CALLBACK = "ck_requests_async_may_have_callback"


def upgrade() -> None:
    # In one statement, which reads the table once.
    op.execute(
        f"ALTER TABLE requests DROP CONSTRAINT {POSITION_AND_CALLBACK},"
        f" ADD CONSTRAINT {POSITION} CHECK ((mode = 'async') = (queue_position IS NOT NULL)),"
        f" ADD CONSTRAINT {CALLBACK} CHECK (num_nonnulls(callback_url, receiver, callback_status)"
        " IN (0, CASE mode WHEN 'async' THEN 3 ELSE 0 END))"
    )


def downgrade() -> None:
    op.execute("DELETE FROM requests WHERE mode = 'async' AND callback_url IS NULL")
    op.execute(
        f"ALTER TABLE requests DROP CONSTRAINT {POSITION}, DROP CONSTRAINT {CALLBACK},"
        f" ADD CONSTRAINT {POSITION_AND_CALLBACK} CHECK ("
        "num_nonnulls(queue_position, callback_url, receiver, callback_status)"
        " = CASE mode WHEN 'async' THEN 4 ELSE 0 END)"
    )
