"""What the air does to packets, by script and dice."""

from dataclasses import dataclass, field

import numpy as np

from sensors.virtual.faults import Fault, FaultKind, FaultScript
from sensors.virtual.unit import Outgoing


@dataclass(frozen=True, slots=True)
class RadioConditions:
    """How a unit is on the air."""

    speed: float = 1.0
    """Seconds of heart per second of wall clock."""
    faults: FaultScript = field(default_factory=FaultScript)
    needs_bond: bool = False
    """Writes need an encrypted link, as the open patch profile demands."""
    waits_for_phone: bool = False
    """Measuring, and with it the clock of the faults, begins with the first link."""


class Disturbance:
    """Applies the faults of a script that concern single packets.

    Parameters
    ----------
    faults : FaultScript
        Trouble by the unit's clock.
    rng : numpy.random.Generator
        The dice.
    """

    def __init__(self, faults: FaultScript, rng: np.random.Generator) -> None:
        self._faults = faults
        self._rng = rng

    def active(self, kind: FaultKind, time_s: float) -> Fault | None:
        """Return the fault of a kind that is there at ``time_s``."""
        return self._faults.at(kind, time_s)

    def dead(self, time_s: float) -> bool:
        """Say whether the battery is empty."""
        return self._faults.begins(FaultKind.BATTERY_DEATH, 0.0, time_s) is not None

    def applied(
        self, outgoing: list[Outgoing], spared: frozenset[str], time_s: float
    ) -> list[Outgoing]:
        """Lose, damage, double and reorder packets.

        Parameters
        ----------
        outgoing : list of Outgoing
            In the order of sending.
        spared : frozenset of str
            Characteristics that are acknowledged on the air (indications).
        time_s : float
            The unit's clock.
        """
        out: list[Outgoing] = []
        for uuid, data in outgoing:
            if uuid in spared:
                out.append((uuid, data))
                continue
            if self._hit(FaultKind.PACKET_LOSS, time_s):
                continue
            if self._hit(FaultKind.BIT_ERRORS, time_s):
                data = self._damaged(data)
            out.append((uuid, data))
            if self._hit(FaultKind.DUPLICATE, time_s):
                out.append((uuid, data))
            if len(out) > 1 and self._hit(FaultKind.REORDER, time_s):
                out[-1], out[-2] = out[-2], out[-1]
        return out

    def _damaged(self, data: bytes) -> bytes:
        flipped = bytearray(data)
        bit = int(self._rng.integers(8 * len(flipped)))
        flipped[bit // 8] ^= 1 << bit % 8
        return bytes(flipped)

    def _hit(self, kind: FaultKind, time_s: float) -> bool:
        fault = self._faults.at(kind, time_s)
        return fault is not None and bool(self._rng.random() < fault.strength)
