"""ISHNE Holter files (Badilini 1998), version 1.

Format: doi:10.1111/j.1542-474X.1998.tb00353.x. The checksum is not verified: recorders
disagree on what it covers.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from analytics.errors import BadRecord
from analytics.records_types import MISSING, Counts, RecordFile

MAGIC: Final = b"ISHNE1.0"
_FIXED = 10 + 512  # bytes: magic, checksum, fixed header
_MAX_LEADS = 12
_MISSING_COUNT = -(2**15)
_NV_PER_MV = 1e6
_LEADS: Final = (
    *("?", "bipolar", "X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF"),
    *("V1", "V2", "V3", "V4", "V5", "V6", "ES", "AS", "AI"),
)
"""Lead names by their code in the file."""


def open_ishne(path: Path) -> RecordFile:
    """Open an ISHNE file.

    Raises
    ------
    BadRecord
        ``missing``, ``header_damaged`` or ``truncated``.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            data = file.read(_FIXED)
    except OSError as error:
        raise BadRecord(reason="missing", record=path.stem) from error
    if data[:8] != MAGIC or len(data) < _FIXED:
        raise BadRecord(reason="header_damaged", record=path.stem)
    samples, _, at, _ = struct.unpack_from("<iiih", data, 14)
    date = struct.unpack_from("<3h", data, 138)
    time = struct.unpack_from("<3h", data, 150)
    (n_leads,) = struct.unpack_from("<h", data, 156)
    specs = struct.unpack_from("<12h", data, 158)
    resolution_nv = struct.unpack_from("<12h", data, 206)
    (fs,) = struct.unpack_from("<h", data, 272)
    sane = 0 < n_leads <= _MAX_LEADS and fs > 0 and _FIXED <= at <= size
    if not sane or samples < 0 or min(resolution_nv[:n_leads]) <= 0:
        raise BadRecord(reason="header_damaged", record=path.stem)
    there = (size - at) // (2 * n_leads)
    # Some recorders count the samples of all leads together.
    n = samples // n_leads if samples == there * n_leads and n_leads > 1 else samples
    if n > there:
        raise BadRecord(reason="truncated", record=path.stem)
    n = n or there
    names = [_LEADS[s] if 0 <= s < len(_LEADS) else "?" for s in specs[:n_leads]]
    names = [f"ECG{k}" if x in ("?", "bipolar") else x for k, x in enumerate(names)]

    def read(first: int, end: int, columns: Sequence[int]) -> Counts:
        offset, n_values = at + 2 * n_leads * first, (end - first) * n_leads
        try:
            values = np.fromfile(path, "<i2", count=n_values, offset=offset)
            table = values.reshape(end - first, n_leads)
        except (OSError, ValueError) as error:
            raise BadRecord(reason="truncated", record=path.stem) from error
        counts: Counts = np.asfortranarray(table[:, list(columns)].astype(np.int32))
        counts[counts == _MISSING_COUNT] = MISSING
        return counts

    return RecordFile(
        name=path.stem,
        fs=float(fs),
        lead_names=tuple(names),
        n_samples=n,
        gain_counts_per_mv=tuple(_NV_PER_MV / resolution_nv[k] for k in range(n_leads)),
        zero_counts=(0.0,) * n_leads,
        read=read,
        start_at=_start(date, time),
    )


def _start(date: tuple[int, ...], time: tuple[int, ...]) -> datetime | None:
    try:
        day, month, year = date
        hour, minute, second = time
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
