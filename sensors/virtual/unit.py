"""The other end of the link: what the electronics of a patch do, without any radio.

A unit measures a source on its own clock, answers reads and writes, and says what it
wants to notify. `sensors.virtual.radio` puts it on the air; tests drive it directly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sensors.profiles import heart_rate as sig
from sensors.virtual.source import SourceBlock, TruthBeat

READ, WRITE, NOTIFY, INDICATE = "read", "write", "notify", "indicate"

Outgoing = tuple[str, bytes]
"""Characteristic and value of one notification or indication."""


@dataclass(frozen=True, slots=True)
class CharacteristicSpec:
    """One characteristic of a unit's GATT table."""

    uuid: str
    properties: frozenset[str]


GattTable = Mapping[str, tuple[CharacteristicSpec, ...]]
"""Service UUID to its characteristics."""


class PatchUnit(Protocol):
    """Electronics of a patch."""

    @property
    def name(self) -> str:
        """Advertised name."""
        ...

    @property
    def advertised_services(self) -> tuple[str, ...]:
        """Service UUIDs in the advertisement."""
        ...

    @property
    def table(self) -> GattTable:
        """What the unit offers."""
        ...

    @property
    def fs_hz(self) -> float:
        """Sampling frequency on the unit's own clock."""
        ...

    def measure(self, n_samples: int) -> bool:
        """Take the next samples from the source; False when it is over."""
        ...

    def read(self, uuid: str) -> bytes:
        """Answer a read."""
        ...

    def write(self, uuid: str, data: bytes) -> None:
        """Take a write; what it causes comes out of `outgoing`."""
        ...

    def outgoing(self, mtu: int) -> list[Outgoing]:
        """Return what is to be sent now, in this order."""
        ...

    def link_lost(self) -> None:
        """Forget who was connected."""
        ...

    def reboot(self) -> None:
        """Start anew, as after a fault of the electronics."""
        ...


def spec(uuid: str, *properties: str) -> CharacteristicSpec:
    """Write one line of a GATT table."""
    return CharacteristicSpec(uuid, frozenset(properties))


class SigServices:
    """Battery, Device Information and Heart Rate of a unit.

    Parameters
    ----------
    serial, model, firmware : str
        For the Device Information service.
    fs_hz : float
        To turn beats of the source into RR intervals.
    """

    def __init__(self, serial: str, model: str, firmware: str, fs_hz: float) -> None:
        self.battery_percent = 100
        self._texts = {
            sig.SERIAL_NUMBER: serial,
            sig.MODEL_NUMBER: model,
            sig.FIRMWARE_REVISION: firmware,
        }
        self._fs_hz = fs_hz
        self._last_beat: TruthBeat | None = None
        self._rr_units: list[int] = []
        self._bpm = 0
        self._battery_said = -1

    table: ClassVar[GattTable] = {
        sig.BATTERY_SERVICE: (spec(sig.BATTERY_LEVEL, READ, NOTIFY),),
        sig.DEVICE_INFORMATION_SERVICE: (
            spec(sig.SERIAL_NUMBER, READ),
            spec(sig.MODEL_NUMBER, READ),
            spec(sig.FIRMWARE_REVISION, READ),
        ),
        sig.HEART_RATE_SERVICE: (spec(sig.HEART_RATE, NOTIFY),),
    }

    def read(self, uuid: str) -> bytes:
        """Answer a read of one of these services."""
        if uuid == sig.BATTERY_LEVEL:
            return sig.encode_battery(self.battery_percent)
        return self._texts.get(uuid, "").encode()

    def see(self, block: SourceBlock) -> None:
        """Count the beats of a block."""
        for beat in block.beats:
            if self._last_beat is not None:
                rr_s = (beat.sample - self._last_beat.sample) / self._fs_hz
                if 0.2 < rr_s < 20:
                    self._rr_units.append(round(rr_s * sig.RR_UNITS_PER_S))
                    self._bpm = round(60 / rr_s)
            self._last_beat = beat

    def outgoing(self, contact: bool) -> list[Outgoing]:
        """Return heart rate since the last call, and the battery when it changed."""
        out: list[Outgoing] = []
        if self._rr_units:
            rr, self._rr_units = tuple(self._rr_units), []
            value = sig.HeartRate(self._bpm, contact, None, rr)
            out.append((sig.HEART_RATE, sig.encode_heart_rate(value)))
        if self.battery_percent != self._battery_said:
            self._battery_said = self.battery_percent
            level = sig.encode_battery(self.battery_percent)
            out.append((sig.BATTERY_LEVEL, level))
        return out
