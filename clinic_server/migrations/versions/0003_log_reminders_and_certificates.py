"""Log loan reminders, wipe certificates and signatures; let a family page ask a PIN."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "loan_reminder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("owed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("advice_id", sa.Integer(), nullable=True),
        sa.Column("sent_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["advice_id"], ["advice.id"]),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"]),
        sa.ForeignKeyConstraint(["sent_by"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issue_id", "rung"),
    )
    op.create_index("ix_loan_reminder_issue_id", "loan_reminder", ["issue_id"])
    op.create_table(
        "wipe_certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("wiped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wiped_by", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["serial"], ["unit.serial"]),
        sa.ForeignKeyConstraint(["wiped_by"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_wipe_certificate_serial", "wipe_certificate", ["serial"])
    # added in place, not by copying the table: its partial index and rows stay as they are
    op.add_column(
        "issue",
        sa.Column(
            "return_signed_by", sa.String(length=64), nullable=False, server_default=""
        ),
    )
    op.add_column(
        "family_session",
        sa.Column("pin_ok", sa.Boolean(), nullable=False, server_default=sa.true()),
    )


def downgrade() -> None:
    op.drop_column("family_session", "pin_ok")
    op.drop_column("issue", "return_signed_by")
    op.drop_index("ix_wipe_certificate_serial", "wipe_certificate")
    op.drop_table("wipe_certificate")
    op.drop_index("ix_loan_reminder_issue_id", "loan_reminder")
    op.drop_table("loan_reminder")
