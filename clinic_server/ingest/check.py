"""What an upload must be before it may wait for the disk."""

import hashlib
import secrets
from datetime import UTC, datetime

from clinic_server.bounds import LONGEST_RECORDING_S
from clinic_server.errors import TooLarge, Unprocessable
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.recordings.store import Incoming
from clinic_server.wire.ecg import (
    MAX_BODY_BYTES,
    BadSegment,
    SegmentHeader,
    decode_segment,
)


def check_segment(body: bytes, sha256: str) -> SegmentHeader:
    """Unpack a body completely, so that whatever is stored can be read back.

    Raises
    ------
    TooLarge
        More than `MAX_BODY_BYTES`.
    Unprocessable
        ``ingest.wrong_hash``, ``ingest.bad_segment`` (with ``reason``) or
        ``ingest.bad_time``.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("ingest.too_large", max_bytes=MAX_BODY_BYTES)
    digest = hashlib.sha256(body).hexdigest()
    if not secrets.compare_digest(digest.encode(), sha256.lower().encode()):
        raise Unprocessable("ingest.wrong_hash")
    try:
        header, _ = decode_segment(body)
    except BadSegment as error:
        raise Unprocessable("ingest.bad_segment", reason=error.reason) from error
    if not _is_writable(header.phone_at):
        raise Unprocessable("ingest.bad_time")
    return header


def _is_writable(at: datetime) -> bool:
    """Accept a wrong clock, whose samples still count; refuse impossible dates."""
    try:
        return 1900 < at.astimezone(UTC).year < 9000
    except OverflowError:
        return False


def check_fits(recording: Recording, one: Incoming) -> None:
    """Compare an upload with the recording it claims to belong to.

    Raises
    ------
    Unprocessable
        ``ingest.wrong_leads`` or ``ingest.sample_index``.
    Gone
        ``recordings.closed``.
    """
    expected = len(recording.lead_names)
    if one.header.n_leads != expected:
        raise Unprocessable("ingest.wrong_leads", leads=one.header.n_leads, of=expected)
    if one.header.first_sample > LONGEST_RECORDING_S * recording.fs_hz:
        raise Unprocessable("ingest.sample_index")
    recordings_service.require_open_for(recording, one)
