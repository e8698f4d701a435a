"""Let the people of quality and audit sign in."""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in ("QUALITY", "AUDITOR"):
            op.execute(f"ALTER TYPE role ADD VALUE IF NOT EXISTS '{name}'")


def downgrade() -> None:
    """Keep the two roles: PostgreSQL takes no value out of a type."""
