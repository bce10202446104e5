"""Keep the priority of a request, and the order of its callback in its lane."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UNFINISHED = "ix_requests_unfinished"
OWED = "ix_requests_callbacks_owed"
WHERE_UNFINISHED = sa.text("mode = 'async' AND status IN ('PENDING', 'PROCESSING')")
WHERE_OWED = sa.text("callback_status = 'PENDING' AND status IN ('COMPLETED', 'FAILED')")


def upgrade() -> None:
    # Constants: nothing is rewritten. In one statement, the check reads the table once.
    op.execute(
        "ALTER TABLE requests"
        " ADD priority varchar(6) NOT NULL DEFAULT 'normal'"
        " CONSTRAINT ck_requests_priority CHECK (priority IN ('high', 'normal', 'low')),"
        " ADD callback_sequence varchar(10) NOT NULL DEFAULT 'normal'"
    )
    # Both indexes hold what is open alone, and so are small however long the history is.
    op.execute(
        "UPDATE requests SET callback_sequence = 'redelivery' WHERE callback_status = 'PENDING'"
        " AND status IN ('COMPLETED', 'FAILED') AND callback_redelivered_at IS NOT NULL"
    )
    op.drop_index(UNFINISHED, "requests")
    op.create_index(UNFINISHED, "requests", ["priority", "queue_position"], postgresql_where=WHERE_UNFINISHED)
    op.drop_index(OWED, "requests")
    op.create_index(
        OWED, "requests", ["caller", "receiver", "callback_sequence", "queue_position"], postgresql_where=WHERE_OWED
    )


def downgrade() -> None:
    op.drop_index(OWED, "requests")
    op.create_index(OWED, "requests", ["caller", "receiver", "queue_position"], postgresql_where=WHERE_OWED)
    op.drop_index(UNFINISHED, "requests")
    op.create_index(UNFINISHED, "requests", ["queue_position"], postgresql_where=WHERE_UNFINISHED)
    op.drop_constraint(op.f("ck_requests_priority"), "requests")
    op.drop_column("requests", "callback_sequence")
    op.drop_column("requests", "priority")
