"""Let the worklist ask who wears the patch."""

from collections.abc import Sequence

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TYPE workkind ADD VALUE IF NOT EXISTS 'CHECK_WEARER'")


def downgrade() -> None:
    """Keep the value: PostgreSQL cannot take one away, and unused it does no harm."""
