"""A patient asks from the phone that the clinic erase their data."""

from pydantic import AwareDatetime, BaseModel


class ErasureStanding(BaseModel):
    """Where the wearer's request stands."""

    asked_at: AwareDatetime | None
    """None: nothing was asked for."""
    agreed_at: AwareDatetime | None
    keep_years: int
    """How long the house keeps a medical record after the last contact."""
