"""Ring again when nobody answers; print family codes; let a follower pause requests."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TYPE workkind ADD VALUE IF NOT EXISTS 'FAMILY_SEEN'")
    op.add_column("work_item", sa.Column("next_at", sa.DateTime(timezone=True)))
    op.add_column(
        "work_item", sa.Column("tries", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(
        "family_link",
        sa.Column("printed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("family_session", sa.Column("looked_at", sa.DateTime(timezone=True)))
    op.add_column("family_session", sa.Column("snoozed_until", sa.DateTime(timezone=True)))
    # two desks at once: the database lets a patient have one open case
    op.create_index(
        "one_open_case",
        "case_file",
        ["patient_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("one_open_case", "case_file")
    op.drop_column("family_session", "snoozed_until")
    op.drop_column("family_session", "looked_at")
    op.drop_column("family_link", "printed")
    op.drop_column("work_item", "tries")
    op.drop_column("work_item", "next_at")
