"""Which phones one process runs."""

from dataclasses import dataclass

from app.patches import PatchSpec
from clinic_server.wire.enrolment import IssuedUnit


@dataclass(frozen=True, slots=True)
class PhoneConfig:
    """One phone of a process."""

    id: str
    name: str
    """Whose phone it is, on the list of this host."""
    patch: PatchSpec | None
    """The virtual patch on the chest; None: a real one, reached by radio."""
    code: str | None = None
    """Pairing code from the desk, used once."""
    token: str | None = None
    """Token of a loan that was enrolled elsewhere; needs ``unit`` too."""
    unit: IssuedUnit | None = None
    pair: bool = True
    """Pair with the issued unit without asking."""
    box_code: str | None = None
    """What is printed on the box of the patch, ``ANXIN-PATCH:<serial>:<code>``."""
