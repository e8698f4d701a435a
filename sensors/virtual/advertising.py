"""Advertising data of Bluetooth Low Energy (Core Supplement, part A): write and read."""

import uuid as uuids
from collections.abc import Iterable, Sequence

MAX_BYTES = 31
BASE_UUID = "-0000-1000-8000-00805f9b34fb"
_FLAGS, _SHORT_LISTS, _LONG_LISTS, _NAMES = 0x01, (0x02, 0x03), (0x06, 0x07), (0x08, 0x09)
_GENERAL_LE_ONLY = b"\x06"


def encode_advertising(name: str, services: Sequence[str]) -> tuple[bytes, bytes]:
    """Write what a device says unasked, and what it answers to a scan.

    Parameters
    ----------
    name : str
        Complete local name, 1 to 26 bytes.
    services : sequence of str
        Service UUIDs, 128 bits in text; those of the SIG are sent as 16 bits.

    Returns
    -------
    tuple of bytes
        Advertising data and scan response; services that leave no room for the name go
        into the response alone.
    """
    parts = b""
    for text in services:
        uuid = uuids.UUID(text)
        if text.endswith(BASE_UUID):
            parts += _part(_SHORT_LISTS[0], (uuid.int >> 96).to_bytes(2, "little"))
        else:
            parts += _part(_LONG_LISTS[0], uuid.bytes[::-1])
    said = _part(_FLAGS, _GENERAL_LE_ONLY) + _part(_NAMES[1], name.encode())
    return (said + parts if len(said + parts) <= MAX_BYTES else said), parts


def decode_advertising(
    structures: Iterable[tuple[int, bytes]],
) -> tuple[str | None, tuple[str, ...]]:
    """Read name and services out of the parts of an advertisement.

    Parameters
    ----------
    structures : iterable of (int, bytes)
        Kind and value of each part; what is unknown or too short is left out.

    Returns
    -------
    tuple
        The name, None if it was not said, and the service UUIDs in 128 bits.
    """
    name: str | None = None
    services: list[str] = []
    for kind, value in structures:
        if kind in _NAMES:
            name = bytes(value).decode("utf-8", "replace")
        elif kind in _SHORT_LISTS and len(value) >= 2:
            services.append(f"{int.from_bytes(value[:2], 'little'):08x}{BASE_UUID}")
        elif kind in _LONG_LISTS and len(value) >= 16:
            services.append(str(uuids.UUID(bytes=bytes(value[:16])[::-1])))
    return name, tuple(services)


def _part(kind: int, value: bytes) -> bytes:
    return bytes([len(value) + 1, kind]) + value
