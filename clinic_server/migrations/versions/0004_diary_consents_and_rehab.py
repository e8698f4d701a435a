"""Add the diary, consents and rehab sessions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLES = ("consent", "diary_entry", "rehab_prescription", "rehab_session")


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        _when("decided_at"),
        _when("received_at"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"]),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issue_id", "purpose", "decided_at"),
    )
    op.create_table(
        "diary_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        _when("noted_at"),
        _when("first_at"),
        _when("last_at"),
        _when("received_at"),
        sa.Column("symptoms", sa.JSON(), nullable=False),
        sa.Column("lasted_5_min", sa.Boolean(), nullable=True),
        sa.Column("severe", sa.Boolean(), nullable=True),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("recording_id", sa.String(length=36), nullable=True),
        sa.Column("sample", sa.BigInteger(), nullable=True),
        sa.Column("mark_id", sa.Integer(), nullable=True),
        sa.Column("grave", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"]),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"]),
        sa.ForeignKeyConstraint(["mark_id"], ["event_mark.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issue_id", "client_id"),
    )
    op.create_table(
        "rehab_prescription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("risk", sa.String(length=8), nullable=False),
        sa.Column("max_bpm", sa.Integer(), nullable=True),
        sa.Column("low_pct", sa.Integer(), nullable=False),
        sa.Column("high_pct", sa.Integer(), nullable=False),
        sa.Column("rest_low_bpm", sa.Integer(), nullable=False),
        sa.Column("warm_up_s", sa.Integer(), nullable=False),
        sa.Column("work_s", sa.Integer(), nullable=False),
        sa.Column("easy_s", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("cool_down_s", sa.Integer(), nullable=False),
        sa.Column("prescribed_by", sa.Integer(), nullable=False),
        _when("prescribed_at"),
        _when("ended_at", nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"]),
        sa.ForeignKeyConstraint(["prescribed_by"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rehab_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("prescription_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _when("asked_at"),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("permitted", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("target_low_bpm", sa.Integer(), nullable=True),
        sa.Column("target_high_bpm", sa.Integer(), nullable=True),
        _when("ended_at", nullable=True),
        sa.Column("end", sa.String(length=16), nullable=False),
        sa.Column("borg", sa.Integer(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"]),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"]),
        sa.ForeignKeyConstraint(["prescription_id"], ["rehab_prescription.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issue_id", "client_id"),
    )
    for table in _TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(
                batch_op.f(f"ix_{table}_patient_id"), ["patient_id"], unique=False
            )


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
