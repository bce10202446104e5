"""Add the account that owns a request, and rename the benchmark marker to the run that sent it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Neither rewrites the table: the indexes follow the new column name automatically.
    op.alter_column("requests", "benchmark_run_id", new_column_name="run_id")
    op.execute("ALTER INDEX ix_requests_benchmark RENAME TO ix_requests_run")
    op.add_column("requests", sa.Column("account", sa.String(length=100)))


def downgrade() -> None:
    op.drop_column("requests", "account")
    op.execute("ALTER INDEX ix_requests_run RENAME TO ix_requests_benchmark")
    op.alter_column("requests", "run_id", new_column_name="benchmark_run_id")
