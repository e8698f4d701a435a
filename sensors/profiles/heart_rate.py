"""Bluetooth SIG services that every make shares: Heart Rate, Battery, Device Information.

Source: Bluetooth SIG GATT Specification Supplement, Heart Rate Measurement (0x2A37):
a flags octet, rate in 8 or 16 bits, energy in kJ, RR intervals in 1/1024 s.
"""

import struct
from dataclasses import dataclass

from sensors.errors import BadPacket

HEART_RATE_SERVICE = "0000180d-0000-1000-8000-00805f9b34fb"
HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"
BATTERY_SERVICE = "0000180f-0000-1000-8000-00805f9b34fb"
BATTERY_LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"
DEVICE_INFORMATION_SERVICE = "0000180a-0000-1000-8000-00805f9b34fb"
MODEL_NUMBER = "00002a24-0000-1000-8000-00805f9b34fb"
SERIAL_NUMBER = "00002a25-0000-1000-8000-00805f9b34fb"
FIRMWARE_REVISION = "00002a26-0000-1000-8000-00805f9b34fb"

RR_UNITS_PER_S = 1024
_WIDE_RATE, _CONTACT_NOW, _CONTACT_KNOWN, _ENERGY, _RR = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class HeartRate:
    """One measurement."""

    bpm: int
    contact: bool | None
    """None where the unit cannot tell."""
    energy_kj: int | None
    rr_units: tuple[int, ...]
    """RR intervals in 1/1024 s, oldest first."""

    @property
    def rr_ms(self) -> tuple[float, ...]:
        """RR intervals in ms."""
        return tuple(units * 1000 / RR_UNITS_PER_S for units in self.rr_units)


def encode_heart_rate(value: HeartRate) -> bytes:
    """Write a measurement; the rate takes 8 bits where they suffice."""
    flags = _WIDE_RATE if value.bpm > 255 else 0
    if value.contact is not None:
        flags |= _CONTACT_KNOWN | (_CONTACT_NOW if value.contact else 0)
    flags |= _ENERGY if value.energy_kj is not None else 0
    flags |= _RR if value.rr_units else 0
    rate = struct.pack("<H" if value.bpm > 255 else "<B", value.bpm)
    energy = b"" if value.energy_kj is None else struct.pack("<H", value.energy_kj)
    rr = struct.pack(f"<{len(value.rr_units)}H", *value.rr_units)
    return bytes([flags]) + rate + energy + rr


def decode_heart_rate(data: bytes) -> HeartRate:
    """Read a measurement.

    Raises
    ------
    BadPacket
        Shorter than its flags promise, or half an RR interval at the end.
    """
    try:
        flags, at = data[0], 1
        wide = bool(flags & _WIDE_RATE)
        (bpm,) = struct.unpack_from("<H" if wide else "<B", data, at)
        at += 2 if wide else 1
        contact = bool(flags & _CONTACT_NOW) if flags & _CONTACT_KNOWN else None
        energy_kj = None
        if flags & _ENERGY:
            (energy_kj,) = struct.unpack_from("<H", data, at)
            at += 2
        rr: tuple[int, ...] = ()
        if flags & _RR:
            if (len(data) - at) % 2:
                raise BadPacket(profile="heart_rate", length=len(data))
            rr = struct.unpack_from(f"<{(len(data) - at) // 2}H", data, at)
    except (struct.error, IndexError) as error:
        raise BadPacket(profile="heart_rate", data=data.hex()) from error
    return HeartRate(bpm, contact, energy_kj, rr)


def encode_battery(percent: int) -> bytes:
    """Write a battery level."""
    return bytes([percent])


def decode_battery(data: bytes) -> int:
    """Read a battery level in percent.

    Raises
    ------
    BadPacket
        Not one octet from 0 to 100.
    """
    if len(data) != 1 or data[0] > 100:
        raise BadPacket(profile="battery", data=data.hex())
    return data[0]


def decode_text(data: bytes) -> str:
    """Read a string of the Device Information service.

    Raises
    ------
    BadPacket
        It is no UTF-8.
    """
    try:
        return data.decode("utf-8").rstrip("\0").strip()
    except UnicodeDecodeError as error:
        raise BadPacket(profile="device_information", data=data.hex()) from error
