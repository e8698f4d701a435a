"""What a patch says, as values. The sample counter of the device is the time base."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int32]
"""ADC counts, shape (n_samples, n_leads)."""


class GapCause(StrEnum):
    """Why samples do not exist (or not yet)."""

    LINK = "link"
    """Lost on the air; the patch's memory may still have them."""
    LEAD_OFF = "lead_off"
    """An electrode had no contact."""
    REBOOT = "reboot"
    """The patch started anew."""
    SOURCE = "source"
    """The replayed record has a hole here."""
    UNKNOWN = "unknown"


class LinkReason(StrEnum):
    """Why there is no link; the app turns it into an instruction."""

    CONNECTED = "connected"
    OUT_OF_RANGE = "out_of_range"
    ADAPTER_OFF = "adapter_off"
    ADAPTER_DENIED = "adapter_denied"
    ADAPTER_ABSENT = "adapter_absent"
    BONDING_REFUSED = "bonding_refused"
    BATTERY_EMPTY = "battery_empty"
    """The patch said so with its last words."""
    BATTERY_LIKELY_EMPTY = "battery_likely_empty"
    """It is not heard, and its charge was falling towards nothing."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PatchInfo:
    """What stays the same while a patch is worn."""

    serial: str
    model: str
    firmware: str
    fs_hz: float
    lead_names: tuple[str, ...]
    gain_counts_per_mv: float
    measures_contact: bool = True
    """False: the make cannot tell skin from air; its frames claim no contact, and what can
    be said of its seat comes from the signal."""


@dataclass(frozen=True, slots=True)
class EcgFrame:
    """Consecutive samples of all leads."""

    first_sample: int
    """Index of the first one on the device's sample counter, from the recording's start."""
    counts: Counts
    received_at: datetime
    """When the receiver got it, aware UTC."""
    contact: bool
    """The patch measured contact of every electrode during this frame."""
    backfilled: bool = False
    """True: these samples come late, out of the patch's memory, and fill a `Gap` that was
    reported before. Such frames lie behind the newest sample; all others are in order."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples ``first_sample`` to ``end_sample`` (not included) do not exist."""

    first_sample: int
    end_sample: int
    cause: GapCause


@dataclass(frozen=True, slots=True)
class LeadState:
    """Contact per lead changed."""

    sample: int
    leads_on: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Battery:
    """State of charge."""

    percent: int


@dataclass(frozen=True, slots=True)
class Impedance:
    """Between skin and electrodes, where the make measures it."""

    kohm: tuple[float | None, ...]
    """Per electrode; None: not measured now."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """The radio link came or went."""

    reason: LinkReason


@dataclass(frozen=True, slots=True)
class Button:
    """The wearer pressed the event button of the patch."""

    sample: int


PatchEvent = EcgFrame | Gap | LeadState | Battery | Impedance | LinkState | Button
