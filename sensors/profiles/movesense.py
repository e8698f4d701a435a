"""Movesense GATT SensorData Protocol (GSP): ECG at 125 to 512 Hz.

Facts from Movesense's public description of the protocol (movesense.com, embedded
software documentation, "GATT SensorData Protocol"): a write characteristic takes
``<command> <reference> <resource path>``; notifications are ``<kind> <reference> …``;
ECG data is a u32 of ms since the start of the device, belonging to the first sample, and
int32 counts of 0.381 uV. The unit has no sample counter on the air.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadPacket

SERVICE = "34802252-7185-4d5d-b431-630e7050e8f0"
WRITE = "34800001-7185-4d5d-b431-630e7050e8f0"
NOTIFY = "34800002-7185-4d5d-b431-630e7050e8f0"

RATES_HZ = (125, 128, 200, 250, 256, 500, 512)
UV_PER_COUNT = 0.381
GAIN_COUNTS_PER_MV = 1000.0 / UV_PER_COUNT
SAMPLES_PER_FRAME = 16
TIMESTAMP_MS_MODULO = 2**32

SUBSCRIBE, UNSUBSCRIBE = 1, 2
_RESULT, _DATA = 1, 2
_ECG_PATH = "/Meas/ECG/"
_HEAD = struct.Struct("<BBI")


@dataclass(frozen=True, slots=True, eq=False)
class EcgNotification:
    """One packet of ECG."""

    reference: int
    first_sample_ms: int
    """Device time of the first sample, ms since its start, modulo 2**32."""
    counts: NDArray[np.int32]
    """Shape (n_samples,), 0.381 uV each."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Answer to a command, with a status as in HTTP."""

    reference: int
    status: int


@dataclass(frozen=True, slots=True)
class Command:
    """What is written to the unit."""

    op: int
    reference: int
    path: str = ""


def encode_command(command: Command) -> bytes:
    """Write a command."""
    return bytes([command.op, command.reference]) + command.path.encode("ascii")


def decode_command(data: bytes) -> Command:
    """Read a command, as the unit does.

    Raises
    ------
    BadPacket
        Unknown command, or a path that is no text.
    """
    if len(data) < 2 or data[0] not in (SUBSCRIBE, UNSUBSCRIBE):
        raise BadPacket(profile="movesense", command=data.hex())
    try:
        return Command(data[0], data[1], data[2:].decode("ascii"))
    except UnicodeDecodeError as error:
        raise BadPacket(profile="movesense", command=data.hex()) from error


def ecg_path(rate_hz: int) -> str:
    """Return the resource of the ECG at a rate."""
    return f"{_ECG_PATH}{rate_hz}"


def rate_of_path(path: str) -> int | None:
    """Return the rate an ECG path asks for; None for any other resource."""
    tail = path.removeprefix(_ECG_PATH)
    if tail == path or not tail.isdecimal() or not tail.isascii():
        return None
    rate_hz = int(tail)
    return rate_hz if rate_hz in RATES_HZ else None


def encode_ecg(packet: EcgNotification) -> bytes:
    """Write a data notification."""
    head = _HEAD.pack(_DATA, packet.reference, packet.first_sample_ms)
    return head + np.asarray(packet.counts, "<i4").tobytes()


def encode_result(result: CommandResult) -> bytes:
    """Write the answer to a command."""
    return struct.pack("<BBH", _RESULT, result.reference, result.status)


def decode(data: bytes) -> EcgNotification | CommandResult:
    """Read a notification.

    Raises
    ------
    BadPacket
        Neither an answer nor ECG data, or a broken length.
    """
    if len(data) >= 4 and data[0] == _RESULT:
        return CommandResult(data[1], int.from_bytes(data[2:4], "little"))
    if len(data) < _HEAD.size or data[0] != _DATA or (len(data) - _HEAD.size) % 4:
        raise BadPacket(profile="movesense", length=len(data))
    _, reference, stamp_ms = _HEAD.unpack_from(data)
    counts = np.frombuffer(data, "<i4", offset=_HEAD.size).astype(np.int32)
    return EcgNotification(reference, stamp_ms, counts)
