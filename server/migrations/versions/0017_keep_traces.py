"""Keep the trace that each request belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("traceparent", sa.String(55)))


def downgrade() -> None:
    op.drop_column("requests", "traceparent")
