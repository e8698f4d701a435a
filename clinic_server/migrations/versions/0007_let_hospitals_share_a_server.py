"""Let hospitals share a server: people, patients and units belong to a site, or to all."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
_OWNED = ("staff", "patient", "unit")


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    for table in _OWNED:
        # written out: with its reference in one statement SQLite need not copy the table
        op.execute(f"ALTER TABLE {table} ADD COLUMN site_id INTEGER REFERENCES site (id)")
        op.create_index(f"ix_{table}_site_id", table, ["site_id"])


def downgrade() -> None:
    for table in _OWNED:
        op.drop_index(f"ix_{table}_site_id", table)
        op.drop_column(table, "site_id")
    op.drop_table("site")
