"""Keep six-minute walks beside sessions, and who permitted what was refused."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLE = "rehab_session"


def upgrade() -> None:
    op.add_column(
        _TABLE,
        sa.Column("kind", sa.String(length=8), nullable=False, server_default="session"),
    )
    # written out: with its reference in one statement SQLite need not copy the table
    op.execute(
        f"ALTER TABLE {_TABLE} ADD COLUMN permitted_by INTEGER REFERENCES staff (id)"
    )
    op.add_column(
        _TABLE, sa.Column("permitted_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        _TABLE,
        sa.Column(
            "permit_reason", sa.String(length=400), nullable=False, server_default=""
        ),
    )


def downgrade() -> None:
    for column in ("permit_reason", "permitted_at", "permitted_by", "kind"):
        op.drop_column(_TABLE, column)
