"""Keep the fitted clock of a patch with its recording."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "recording"


def upgrade() -> None:
    op.add_column(
        _TABLE, sa.Column("clock_start_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(_TABLE, sa.Column("clock_fs_hz", sa.Float(), nullable=True))
    op.add_column(
        _TABLE,
        sa.Column("clock_span_s", sa.Float(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    for column in ("clock_span_s", "clock_fs_hz", "clock_start_at"):
        op.drop_column(_TABLE, column)
