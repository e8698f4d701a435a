"""The open patch profile of this project; the specification is docs/patch-profile.md.

Every message ends with a CRC-16, so that a flipped bit is a `BadPacket` and never a
wrong sample. All numbers are little endian.
"""

import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sensors.errors import BadPacket
from sensors.frames import Counts
from sensors.packets import FetchRequest, SamplePacket

SERVICE = "7d9a0000-5e1c-4b8e-9a34-616e78696e01"
INFO = "7d9a0001-5e1c-4b8e-9a34-616e78696e01"
STREAM = "7d9a0002-5e1c-4b8e-9a34-616e78696e01"
CONTROL = "7d9a0003-5e1c-4b8e-9a34-616e78696e01"
STATUS = "7d9a0004-5e1c-4b8e-9a34-616e78696e01"

VERSION = 1
COUNTER_BITS = 32
SEQUENCE_MODULO = 2**16
MAX_LEADS = 12
NAME_PREFIX = "ANXIN "
LEAD_CODES = (
    "ECG",
    "I",
    "II",
    "III",
    "aVR",
    "aVL",
    "aVF",
    "V1",
    "V2",
    "V3",
    "V4",
    "V5",
    "V6",
)
UNKNOWN_IMPEDANCE = 0xFFFF

_CRC = struct.Struct("<H")
_FRAME = struct.Struct("<BHHIBH")
_INFO = struct.Struct("<BBBIIIH")
_STATUS = struct.Struct("<BBHHIBIB")
_FETCH = struct.Struct("<HII")
_FETCHED = struct.Struct("<HIII")
FRAME_OVERHEAD = _FRAME.size + _CRC.size
ATT_HEADER = 3  # opcode and handle in front of every notification


class FrameKind(IntEnum):
    """First octet of a frame."""

    LIVE = 1
    MEMORY = 2


class Op(IntEnum):
    """Commands of the control point."""

    HELLO = 1
    PROVE = 2
    START = 3
    STOP = 4
    FETCH = 5
    FETCHED = 6
    """Sent by the patch alone: the answer to a FETCH is complete."""
    CLOCK = 7


class Status(IntEnum):
    """Outcome of a command."""

    OK = 0
    DENIED = 1
    BAD_REQUEST = 2
    NOT_IN_MEMORY = 3
    BUSY = 4
    NOT_PAIRED = 5


@dataclass(frozen=True, slots=True)
class UnitInfo:
    """What stays the same for one start of the unit."""

    serial: str
    model: str
    firmware: str
    lead_names: tuple[str, ...]
    fs_mhz: int
    """Sampling frequency in thousandths of a hertz."""
    gain_counts_per_v: int
    sample_bytes: int
    """2 or 3."""
    memory_samples: int
    epoch: int


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """What changes."""

    battery_percent: int
    leads_on: int
    """Bit per lead."""
    epoch: int
    newest_counter: int
    presses: int
    """Button presses so far, modulo 256."""
    last_press_counter: int
    impedance_dkohm: tuple[int, ...] = ()
    """Per electrode in 0.1 kilo-ohm; `UNKNOWN_IMPEDANCE` where it was not measured."""


@dataclass(frozen=True, slots=True)
class Command:
    """A message to the control point."""

    op: Op
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A message from the control point."""

    op: Op
    status: Status
    payload: bytes = b""


def seal(message: bytes) -> bytes:
    """Append the CRC-16/CCITT-FALSE of a message."""
    return message + _CRC.pack(binascii.crc_hqx(message, 0xFFFF))


def unseal(data: bytes) -> bytes:
    """Check and remove the CRC.

    Raises
    ------
    BadPacket
        The CRC is wrong or missing.
    """
    message = bytes(data[: -_CRC.size])
    if len(data) <= _CRC.size or seal(message) != bytes(data):
        raise BadPacket(profile="anxin_patch", crc=data[-2:].hex(), length=len(data))
    return message


def samples_per_frame(mtu: int, n_leads: int, sample_bytes: int) -> int:
    """Return how many samples fit into one notification, at most 255; 0 if none do."""
    room = mtu - ATT_HEADER - FRAME_OVERHEAD
    return max(0, min(255, room // (n_leads * sample_bytes)))


def electrodes_per_status(mtu: int) -> int:
    """Return for how many electrodes a status message has room."""
    return max(0, (mtu - ATT_HEADER - _STATUS.size - _CRC.size) // 2)


def encode_frame(packet: SamplePacket, sample_bytes: int) -> bytes:
    """Write samples as one notification."""
    kind = FrameKind.MEMORY if packet.from_memory else FrameKind.LIVE
    mask = sum(1 << lead for lead, on in enumerate(packet.leads_on) if on)
    head = _FRAME.pack(
        kind,
        packet.epoch,
        packet.sequence or 0,
        packet.first_counter,
        len(packet.counts),
        mask,
    )
    raw = np.ascontiguousarray(packet.counts, "<i4").view(np.uint8).reshape(-1, 4)
    return seal(head + raw[:, :sample_bytes].tobytes())


def decode_frame(data: bytes, n_leads: int, sample_bytes: int) -> SamplePacket:
    """Read a notification of the stream.

    Parameters
    ----------
    data : bytes
        The notification.
    n_leads, sample_bytes : int
        From `UnitInfo`.

    Returns
    -------
    SamplePacket

    Raises
    ------
    BadPacket
        Wrong CRC, kind or length.
    """
    message = unseal(data)
    if len(message) < _FRAME.size:
        raise BadPacket(profile="anxin_patch", length=len(data))
    kind, epoch, sequence, first, n_samples, mask = _FRAME.unpack_from(message)
    expected = _FRAME.size + n_samples * n_leads * sample_bytes
    if kind not in (FrameKind.LIVE, FrameKind.MEMORY) or not n_samples:
        raise BadPacket(profile="anxin_patch", kind=kind)
    if len(message) != expected or mask >> n_leads:
        raise BadPacket(profile="anxin_patch", length=len(data), mask=mask)
    return SamplePacket(
        epoch=epoch,
        first_counter=first,
        counts=_counts(message[_FRAME.size :], n_leads, sample_bytes),
        leads_on=tuple(bool(mask >> lead & 1) for lead in range(n_leads)),
        sequence=sequence if kind == FrameKind.LIVE else None,
        from_memory=kind == FrameKind.MEMORY,
    )


def _counts(body: bytes, n_leads: int, sample_bytes: int) -> Counts:
    if sample_bytes == 2:
        return np.frombuffer(body, "<i2").astype(np.int32).reshape(-1, n_leads)
    wide = np.zeros((len(body) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    return (wide.view("<i4").astype(np.int32) >> 8).reshape(-1, n_leads)


def encode_info(info: UnitInfo) -> bytes:
    """Write what INFO answers to a read."""
    head = _INFO.pack(
        VERSION,
        len(info.lead_names),
        info.sample_bytes,
        info.fs_mhz,
        info.gain_counts_per_v,
        info.memory_samples,
        info.epoch,
    )
    leads = bytes(LEAD_CODES.index(name) for name in info.lead_names)
    texts = [text.encode() for text in (info.serial, info.model, info.firmware)]
    return seal(head + leads + b"".join(bytes([len(t)]) + t for t in texts))


def decode_info(data: bytes) -> UnitInfo:
    """Read INFO.

    Raises
    ------
    BadPacket
        Another version, values out of range, a broken length or CRC.
    """
    message = unseal(data)
    try:
        version, n_leads, width, fs_mhz, gain, memory, epoch = _INFO.unpack_from(message)
        in_range = 1 <= n_leads <= MAX_LEADS and width in (2, 3)
        usual = 100_000 <= fs_mhz <= 1_000_000 and gain > 0
        if version != VERSION or not (in_range and usual):
            raise BadPacket(profile="anxin_patch", info=message.hex())
        at = _INFO.size + n_leads
        leads = tuple(LEAD_CODES[code] for code in message[_INFO.size : at])
        texts = []
        for _ in range(3):
            end = at + 1 + message[at]
            if end > len(message):
                raise BadPacket(profile="anxin_patch", info=message.hex())
            texts.append(message[at + 1 : end].decode())
            at = end
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise BadPacket(profile="anxin_patch", info=message.hex()) from error
    if at != len(message) or len(leads) != n_leads:
        raise BadPacket(profile="anxin_patch", info=message.hex())
    serial, model, firmware = texts
    return UnitInfo(serial, model, firmware, leads, fs_mhz, gain, width, memory, epoch)


def encode_status(status: UnitStatus) -> bytes:
    """Write a status message."""
    head = _STATUS.pack(
        VERSION,
        status.battery_percent,
        status.leads_on,
        status.epoch,
        status.newest_counter,
        status.presses,
        status.last_press_counter,
        len(status.impedance_dkohm),
    )
    impedance = struct.pack(f"<{len(status.impedance_dkohm)}H", *status.impedance_dkohm)
    return seal(head + impedance)


def decode_status(data: bytes) -> UnitStatus:
    """Read a status message.

    Raises
    ------
    BadPacket
        Another version, a battery above 100 %, a broken length or CRC.
    """
    message = unseal(data)
    if len(message) < _STATUS.size:
        raise BadPacket(profile="anxin_patch", length=len(data))
    version, battery, mask, epoch, newest, presses, pressed_at, n_electrodes = (
        _STATUS.unpack_from(message)
    )
    fits = len(message) == _STATUS.size + 2 * n_electrodes
    if version != VERSION or battery > 100 or not fits:
        raise BadPacket(profile="anxin_patch", status=message.hex())
    impedance = struct.unpack_from(f"<{n_electrodes}H", message, _STATUS.size)
    return UnitStatus(battery, mask, epoch, newest, presses, pressed_at, impedance)


def encode_command(command: Command) -> bytes:
    """Write a command."""
    return seal(bytes([command.op]) + command.payload)


def decode_command(data: bytes) -> Command:
    """Read a command, as the patch does.

    Raises
    ------
    BadPacket
        Unknown command or wrong CRC.
    """
    message = unseal(data)
    try:
        return Command(Op(message[0]), message[1:])
    except ValueError as error:
        raise BadPacket(profile="anxin_patch", op=message[0]) from error


def encode_response(response: Response) -> bytes:
    """Write an answer of the control point."""
    return seal(bytes([response.op | 0x80, response.status]) + response.payload)


def decode_response(data: bytes) -> Response:
    """Read an indication of the control point.

    Raises
    ------
    BadPacket
        Unknown command or outcome, or wrong CRC.
    """
    message = unseal(data)
    try:
        if len(message) < 2 or not message[0] & 0x80:
            raise BadPacket(profile="anxin_patch", response=message.hex())
        return Response(Op(message[0] & 0x7F), Status(message[1]), message[2:])
    except ValueError as error:
        raise BadPacket(profile="anxin_patch", response=message.hex()) from error


def encode_bad_request(op: int) -> bytes:
    """Write the answer to a command that is unknown or has a broken payload."""
    return seal(bytes([op | 0x80, Status.BAD_REQUEST]))


def encode_fetch(request: FetchRequest) -> bytes:
    """Write the payload of FETCH."""
    return _FETCH.pack(request.epoch, request.first_counter, request.n_samples)


def decode_fetch(payload: bytes) -> FetchRequest:
    """Read the payload of FETCH.

    Raises
    ------
    BadPacket
        A broken length.
    """
    if len(payload) != _FETCH.size:
        raise BadPacket(profile="anxin_patch", fetch=payload.hex())
    return FetchRequest(*_FETCH.unpack(payload))


def encode_fetched(request: FetchRequest, n_sent: int) -> bytes:
    """Write the payload of FETCHED: the request, and how many samples were sent for it."""
    return _FETCHED.pack(request.epoch, request.first_counter, request.n_samples, n_sent)


def decode_fetched(payload: bytes) -> tuple[FetchRequest, int]:
    """Read the payload of FETCHED.

    Raises
    ------
    BadPacket
        A broken length.
    """
    if len(payload) != _FETCHED.size:
        raise BadPacket(profile="anxin_patch", fetched=payload.hex())
    *request, n_sent = _FETCHED.unpack(payload)
    return FetchRequest(*request), n_sent
