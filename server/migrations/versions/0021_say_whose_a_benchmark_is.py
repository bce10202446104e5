"""Say which account a benchmark run belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("benchmark_runs", sa.Column("account", sa.String(100), nullable=True))


def downgrade() -> None:
    op.drop_column("benchmark_runs", "account")
