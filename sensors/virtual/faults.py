"""Scripted trouble between a chest and a phone."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum

from sensors.errors import BadScenario


class FaultKind(StrEnum):
    """What goes wrong."""

    RANGE_LOSS = "range_loss"
    """The wearer walks away from the phone; the patch goes on recording."""
    PACKET_LOSS = "packet_loss"
    """Single packets are lost; ``strength`` is the share."""
    DUPLICATE = "duplicate"
    """Packets arrive twice; ``strength`` is the share."""
    REORDER = "reorder"
    """A packet overtakes the one before; ``strength`` is the share."""
    BIT_ERRORS = "bit_errors"
    """Bits flip; ``strength`` is the share of packets hit."""
    SLOW_LINK = "slow_link"
    """Each packet takes ``strength`` seconds longer."""
    LOW_MTU = "low_mtu"
    """The link carries 23 bytes only (radio)."""
    BONDING_REFUSED = "bonding_refused"
    """The patch refuses to pair (radio)."""
    LEAD_OFF = "lead_off"
    """An electrode comes loose."""
    REBOOT = "reboot"
    """The patch starts anew; its sample counter begins at zero again."""
    BATTERY_DEATH = "battery_death"
    """The battery is empty; nothing comes any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble at a time of the source's own clock."""

    kind: FaultKind
    at_s: float
    duration_s: float = 0.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.at_s < 0 or self.duration_s < 0 or not 0 <= self.strength <= 60:
            raise BadScenario(field="fault", value=(self.at_s, self.duration_s))

    @property
    def end_s(self) -> float:
        """First moment after it."""
        return self.at_s + self.duration_s

    def active(self, time_s: float) -> bool:
        """Say whether the trouble is there at ``time_s``."""
        return self.at_s <= time_s < self.end_s


@dataclass(frozen=True, slots=True)
class FaultScript:
    """All trouble of one run."""

    faults: tuple[Fault, ...] = ()

    def at(self, kind: FaultKind, time_s: float) -> Fault | None:
        """Return the fault of a kind that is active at ``time_s``, if any."""
        for fault in self._of(kind):
            if fault.active(time_s):
                return fault
        return None

    def begins(self, kind: FaultKind, from_s: float, to_s: float) -> Fault | None:
        """Return the fault of a kind that begins in ``from_s <= t < to_s``, if any."""
        for fault in self._of(kind):
            if from_s <= fault.at_s < to_s:
                return fault
        return None

    def _of(self, kind: FaultKind) -> Iterator[Fault]:
        return (fault for fault in self.faults if fault.kind is kind)


def read_faults(text: str) -> FaultScript:
    """Read a script from TOML: ``[[fault]]`` tables with the fields of `Fault`.

    Raises
    ------
    BadScenario
        No TOML, an unknown kind or field, or an impossible time.
    """
    known = {item.name for item in fields(Fault)}
    try:
        rows = tomllib.loads(text).get("fault", [])
        unknown = {name for row in rows for name in row} - known
        if unknown:
            raise BadScenario(field="fault", value=sorted(unknown))
        faults = [Fault(**{**row, "kind": FaultKind(row["kind"])}) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as error:
        raise BadScenario(field="fault", value=str(error)) from error
    return FaultScript(tuple(faults))
