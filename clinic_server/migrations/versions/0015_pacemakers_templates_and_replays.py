"""Programmed rate of a pacemaker, template of alarms, replays that outlive a restart."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("patient", sa.Column("pacemaker_lower_bpm", sa.Integer(), nullable=True))
    op.add_column(
        "patient",
        sa.Column(
            "alarm_template",
            sa.String(length=24),
            nullable=False,
            server_default="default",
        ),
    )
    op.create_table(
        "limit_replay",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"]),
        sa.PrimaryKeyConstraint("number"),
    )


def downgrade() -> None:
    op.drop_table("limit_replay")
    op.drop_column("patient", "alarm_template")
    op.drop_column("patient", "pacemaker_lower_bpm")
