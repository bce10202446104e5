"""Log the request and the response of each attempt, as far as they differ between attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("callback_logs", sa.Column("request_headers", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("callback_logs", sa.Column("request_body_sha256", sa.LargeBinary(), nullable=True))
    op.add_column("callback_logs", sa.Column("response_headers", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("callback_logs", "response_headers")
    op.drop_column("callback_logs", "request_body_sha256")
    op.drop_column("callback_logs", "request_headers")
