"""Measurements without a plan; a range of perceived effort in a prescription."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("task") as batch:
        batch.alter_column("plan_id", existing_type=sa.Integer(), nullable=True)
    for name, value in (("rpe_low", "11"), ("rpe_high", "16")):
        op.add_column(
            "rehab_prescription",
            sa.Column(name, sa.Integer(), nullable=False, server_default=value),
        )


def downgrade() -> None:
    for name in ("rpe_low", "rpe_high"):
        op.drop_column("rehab_prescription", name)
    op.execute("DELETE FROM task WHERE plan_id IS NULL")
    with op.batch_alter_table("task") as batch:
        batch.alter_column("plan_id", existing_type=sa.Integer(), nullable=False)
