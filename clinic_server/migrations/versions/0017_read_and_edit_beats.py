"""Keep the machine's beats, a day's trace in small, and the script of a reader's edits."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SQLITE = """
CREATE TRIGGER report_edit_no_{verb} BEFORE {verb} ON report_edit
BEGIN SELECT RAISE(ABORT, 'the script of edits is append-only'); END
"""
_PG_FUNCTION = """
CREATE FUNCTION report_edit_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the script of edits is append-only'; END $$
"""
_PG = """
CREATE TRIGGER report_edit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON report_edit
FOR EACH STATEMENT EXECUTE FUNCTION report_edit_append_only()
"""

_OF_REPORT = ("preread_by", "preread_at", "remeasure_at", "edits_sha256", "edit_number")


def upgrade() -> None:
    op.create_table(
        "report_reading",
        sa.Column("recording_id", sa.String(length=36), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"]),
        sa.PrimaryKeyConstraint("recording_id"),
    )
    op.create_table(
        "report_tile",
        sa.Column("recording_id", sa.String(length=36), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"]),
        sa.PrimaryKeyConstraint("recording_id", "block"),
    )
    op.create_table(
        "report_edit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=36), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("of_number", sa.Integer(), nullable=True),
        sa.Column("to", sa.String(length=12), nullable=False),
        sa.Column("rhythm", sa.String(length=12), nullable=False),
        sa.Column("shape", sa.Integer(), nullable=False),
        sa.Column("first_sample", sa.BigInteger(), nullable=False),
        sa.Column("end_sample", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"]),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"]),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("recording_id", "number"),
        sa.UniqueConstraint("recording_id", "key"),
    )
    op.create_index("ix_report_edit_report_id", "report_edit", ["report_id"])
    op.add_column(
        "report",
        sa.Column("edit_number", sa.Integer(), nullable=False, server_default="0"),
    )
    op.add_column(
        "report",
        sa.Column("edits_sha256", sa.String(length=64), nullable=False, server_default=""),
    )
    for column in ("remeasure_at", "preread_at"):
        op.add_column("report", sa.Column(column, sa.DateTime(timezone=True)))
    op.execute("ALTER TABLE report ADD COLUMN preread_by INTEGER REFERENCES staff (id)")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_PG_FUNCTION)
        op.execute(_PG)
        return
    for verb in ("update", "delete"):
        op.execute(_SQLITE.format(verb=verb))


def downgrade() -> None:
    for column in _OF_REPORT:
        op.drop_column("report", column)
    op.drop_table("report_edit")
    op.drop_table("report_tile")
    op.drop_table("report_reading")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION report_edit_append_only()")
