"""Extend loans, keep signatures and photos; find what is open without a scan."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = ("ISSUE_SIGNATURE", "RETURN_SIGNATURE", "RETURN_PHOTO")
_LOAN_TEXTS = {"terms_version": 16, "terms_signed_by": 64}
_RECORDING_INDEXES = {
    "ix_recording_of_patient": ["patient_id", "created_at"],
    "ix_recording_of_issue": ["issue_id", "created_at"],
}


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name,
        table,
        columns,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def upgrade() -> None:
    op.add_column(
        "issue",
        sa.Column("deposit_back_cny", sa.Integer(), nullable=False, server_default="0"),
    )
    for name, length in _LOAN_TEXTS.items():
        op.add_column(
            "issue",
            sa.Column(name, sa.String(length=length), nullable=False, server_default=""),
        )
    op.add_column("issue", sa.Column("accessories_back", sa.Boolean(), nullable=True))
    op.create_table(
        "loan_extension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"]),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_loan_extension_issue_id", "loan_extension", ["issue_id"])
    op.create_table(
        "loan_picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Enum(*_KINDS, name="picturekind"), nullable=False),
        sa.Column("media_type", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"]),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_loan_picture_issue_id", "loan_picture", ["issue_id"])
    _remember_due_dates()
    _partial("ix_issue_out", "issue", ["due_on", "id"], "returned_at IS NULL")
    op.create_index("ix_issue_returned_at", "issue", ["returned_at"])
    for column in ("patient_id", "issue_id"):
        op.drop_index(f"ix_recording_{column}", "recording")
    for name, columns in _RECORDING_INDEXES.items():
        op.create_index(name, "recording", columns)
    _partial("ix_recording_open", "recording", ["started_at"], "closed_at IS NULL")
    _partial("ix_work_item_open", "work_item", ["raised_at", "id"], "done_at IS NULL")


def _remember_due_dates() -> None:
    """Say of every reminder which due date it spoke of; so far a loan had but one."""
    op.add_column("loan_reminder", sa.Column("due_on", sa.Date(), nullable=True))
    op.execute(
        "UPDATE loan_reminder SET due_on ="
        " (SELECT due_on FROM issue WHERE issue.id = loan_reminder.issue_id)"
    )
    names = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
    with op.batch_alter_table("loan_reminder", naming_convention=names) as batch:
        batch.alter_column("due_on", existing_type=sa.Date(), nullable=False)
        postgresql = op.get_bind().dialect.name == "postgresql"
        batch.drop_constraint(
            "loan_reminder_issue_id_rung_key"
            if postgresql
            else "uq_loan_reminder_issue_id",
            type_="unique",
        )
        batch.create_unique_constraint("loan_reminder_once", ["issue_id", "due_on", "rung"])


def downgrade() -> None:
    op.drop_index("ix_work_item_open", "work_item")
    op.drop_index("ix_recording_open", "recording")
    for name in _RECORDING_INDEXES:
        op.drop_index(name, "recording")
    for column in ("patient_id", "issue_id"):
        op.create_index(f"ix_recording_{column}", "recording", [column])
    op.drop_index("ix_issue_returned_at", "issue")
    op.drop_index("ix_issue_out", "issue")
    with op.batch_alter_table("loan_reminder") as batch:
        batch.drop_constraint("loan_reminder_once", type_="unique")
        batch.drop_column("due_on")
        batch.create_unique_constraint(
            "loan_reminder_issue_id_rung_key", ["issue_id", "rung"]
        )
    op.drop_index("ix_loan_picture_issue_id", "loan_picture")
    op.drop_table("loan_picture")
    op.drop_index("ix_loan_extension_issue_id", "loan_extension")
    op.drop_table("loan_extension")
    for name in ("accessories_back", *_LOAN_TEXTS, "deposit_back_cny"):
        op.drop_column("issue", name)
