"""Store benchmark runs, and keep their requests out of the history."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BY_TIME = ["created_at", "id"]
BY_STATE = ["mode", "status", "callback_status", "created_at", "id"]


def upgrade() -> None:
    op.add_column("requests", sa.Column("benchmark_run_id", sa.Uuid(), nullable=True))
    marked = sa.text("benchmark_run_id IS NOT NULL")
    op.create_index("ix_requests_benchmark", "requests", ["benchmark_run_id"], postgresql_where=marked)
    _index_the_list(sa.text("benchmark_run_id IS NULL"))
    op.create_table(
        "benchmark_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(length=5), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("summary", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('sync', 'async', 'both')", name=op.f("ck_benchmark_runs_mode")),
        sa.CheckConstraint(
            "status IN ('RUNNING', 'COMPLETED', 'STOPPED', 'FAILED')", name=op.f("ck_benchmark_runs_status")
        ),
        sa.CheckConstraint(
            "(status = 'RUNNING') = (ended_at IS NULL)", name=op.f("ck_benchmark_runs_ended_has_ended_at")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_benchmark_runs")),
    )
    op.create_index(
        "uq_benchmark_runs_running",
        "benchmark_runs",
        ["status"],
        unique=True,
        postgresql_where=sa.text("status = 'RUNNING'"),
    )
    op.create_index("ix_benchmark_runs_created_at", "benchmark_runs", ["created_at"])


def downgrade() -> None:
    op.drop_table("benchmark_runs")
    op.drop_index("ix_requests_benchmark", "requests")
    _index_the_list(None)
    op.drop_column("requests", "benchmark_run_id")


def _index_the_list(where: sa.TextClause | None) -> None:
    op.drop_index("ix_requests_newest_by_state", "requests")
    op.drop_index("ix_requests_newest", "requests")
    op.create_index("ix_requests_newest", "requests", BY_TIME, postgresql_where=where)
    op.create_index("ix_requests_newest_by_state", "requests", BY_STATE, postgresql_where=where)
