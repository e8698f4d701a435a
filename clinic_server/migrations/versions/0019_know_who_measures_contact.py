"""Whether a recording's device can tell skin from air: files and some makes cannot."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "recording",
        sa.Column(
            "measures_contact", sa.Boolean(), nullable=False, server_default=sa.true()
        ),
    )
    recording = sa.table(
        "recording",
        sa.column("measures_contact", sa.Boolean()),
        sa.column("close_reason", sa.String()),
    )
    op.execute(
        recording.update()
        .where(recording.c.close_reason == "imported")
        .values(measures_contact=False)
    )


def downgrade() -> None:
    op.drop_column("recording", "measures_contact")
