"""A segment of ECG on the wire: consecutive samples of all leads, losslessly packed.

Body: ``b"AX1"``, codec byte, ``uint32`` length of a JSON header, header, payload. Codec 1
is the first difference of every lead, zig-zag coded to unsigned, split into byte planes,
then zlib (standard library only, so that it also runs on a phone).

A hole in the recording is the difference between the end of one segment and the first
sample of the next one in time: it is never filled. `seq` numbers uploads, ``first_sample``
is time; a later segment may fill an earlier hole.
"""

import hashlib
import json
import struct
import zlib
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

MAGIC = b"AX1"
CODEC_DELTA_ZLIB = 1
MAX_BODY_BYTES = 256 * 1024
MAX_SAMPLES = 60_000
MAX_LEADS = 12
MAX_SEQ = 2**31 - 1
MAX_SAMPLE_INDEX = 2**53
SHA256_HEADER = "X-Content-SHA256"

Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
SampleIndex = Annotated[int, Field(ge=0, le=MAX_SAMPLE_INDEX)]


class BadSegment(ValueError):
    """The bytes are not a segment; ``reason`` is a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FittedClock(BaseModel):
    """The patch's clock against the phone's, as a line fitted over ``span_s``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_at: AwareDatetime
    """When sample 0 was taken."""
    fs_hz: float = Field(ge=99, le=1010, allow_inf_nan=False)
    """Samples per second of the phone's clock."""
    span_s: float = Field(gt=0, le=MAX_SAMPLE_INDEX, allow_inf_nan=False)


class SegmentHeader(BaseModel):
    """What goes before the samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_sample: SampleIndex
    n_samples: int = Field(ge=1, le=MAX_SAMPLES)
    n_leads: int = Field(ge=1, le=MAX_LEADS)
    contact: bool
    """Contact of every electrode was measured throughout."""
    gap_cause: Literal["link", "lead_off", "reboot", "source", "unknown"] | None = None
    """Why samples before ``first_sample`` are missing, when the phone knows of a gap."""
    phone_at: AwareDatetime
    """The phone's clock when the last sample came in."""
    phone_mono_s: float = Field(ge=0, allow_inf_nan=False)
    """The phone's monotonic clock then."""
    clock: FittedClock | None = None
    """Said now and then, once the drift is known."""


class RecordingCreate(BaseModel):
    """Announce a recording; sending it again is harmless."""

    model_config = ConfigDict(extra="forbid")

    serial: str = Field(min_length=1, max_length=64)
    fs_hz: float = Field(ge=100, le=1000, allow_inf_nan=False)
    lead_names: list[Annotated[str, Field(min_length=1, max_length=16)]] = Field(
        min_length=1, max_length=MAX_LEADS
    )
    gain_counts_per_mv: float = Field(gt=0, le=1_000_000, allow_inf_nan=False)
    started_at: AwareDatetime
    """When sample 0 was taken, by the phone's clock."""
    measures_contact: bool = True
    """False: the make cannot tell skin from air, as a file cannot; that no segment claims
    contact then says nothing."""


class UploadState(BaseModel):
    """What the server has on disk. The phone may delete exactly that."""

    next: int
    """Lowest sequence number not stored: everything below it is on disk."""
    missing: list[tuple[int, int]]
    """Ranges ``[first, last]`` above ``next`` that are not stored, at most 64."""
    server_at: AwareDatetime
    closed: bool = False


class RecordingClose(BaseModel):
    """The phone says that nothing follows."""

    model_config = ConfigDict(extra="forbid")

    last_seq: Annotated[int, Field(ge=-1, le=MAX_SEQ)]


def sha256_hex(body: bytes) -> str:
    """Digest of a segment's body, as sent in `SHA256_HEADER`."""
    return hashlib.sha256(body).hexdigest()


def encode_segment(header: SegmentHeader, counts: NDArray[np.int32]) -> bytes:
    """Pack samples.

    Parameters
    ----------
    header : SegmentHeader
        Its sizes must be those of ``counts``.
    counts : ndarray of int32, shape (n_samples, n_leads)
        ADC counts.
    """
    if counts.shape != (header.n_samples, header.n_leads):
        raise BadSegment("shape")
    wide = counts.T.astype(np.int64)
    delta = np.diff(wide, axis=1, prepend=0)
    zigzag = ((delta << 1) ^ (delta >> 63)).astype("<u8")
    if zigzag.size and int(zigzag.max()) > 0xFFFFFFFF:
        raise BadSegment("range")
    planes = np.ascontiguousarray(zigzag.astype("<u4")).view(np.uint8).reshape(-1, 4).T
    meta = header.model_dump_json().encode()
    payload = zlib.compress(np.ascontiguousarray(planes).tobytes(), 6)
    return MAGIC + bytes([CODEC_DELTA_ZLIB]) + struct.pack("<I", len(meta)) + meta + payload


def decode_header(body: bytes) -> tuple[SegmentHeader, int]:
    """Read the header of a segment; also say where the payload begins.

    Raises
    ------
    BadSegment
        With ``reason`` ``magic``, ``codec``, ``header`` or ``size``.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BadSegment("size")
    if body[:3] != MAGIC or len(body) < 8:
        raise BadSegment("magic")
    if body[3] != CODEC_DELTA_ZLIB:
        raise BadSegment("codec")
    (length,) = struct.unpack_from("<I", body, 4)
    if length > 4096 or 8 + length > len(body):
        raise BadSegment("header")
    try:
        header = SegmentHeader.model_validate(json.loads(body[8 : 8 + length]))
    except (ValueError, RecursionError, ValidationError) as error:
        raise BadSegment("header") from error
    return header, 8 + length


def decode_segment(body: bytes) -> tuple[SegmentHeader, NDArray[np.int32]]:
    """Unpack samples; the inverse of `encode_segment`.

    Returns
    -------
    header : SegmentHeader
    counts : ndarray of int32, shape (n_samples, n_leads)

    Raises
    ------
    BadSegment
        Also with ``reason`` ``payload``. Never anything else, whatever the bytes.
    """
    header, start = decode_header(body)
    size = header.n_samples * header.n_leads * 4
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(body[start:], size + 1)  # bounded: no zip bomb
    except zlib.error as error:
        raise BadSegment("payload") from error
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise BadSegment("payload")
    planes = np.frombuffer(raw, np.uint8).reshape(4, -1)
    zigzag = np.ascontiguousarray(planes.T).view("<u4").reshape(header.n_leads, -1)
    coded = zigzag.astype(np.int64)
    delta = (coded >> 1) ^ -(coded & 1)
    wide = np.cumsum(delta, axis=1)
    if wide.size and (wide.max() > 2**31 - 1 or wide.min() < -(2**31)):
        raise BadSegment("payload")
    return header, np.ascontiguousarray(wide.T.astype(np.int32))
