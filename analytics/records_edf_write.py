"""Write a recording as EDF+: one file, every sample, holes named.

Continuous EDF+ (``EDF+C``): a hole is filled with the lowest digital value and named by
an annotation ``Recording gap`` with its onset and duration, so that a viewer which knows
no holes still shows the right time.

Format: EDF+ (2003), doi:10.1016/S1388-2457(03)00123-8.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

LOWEST: Final = -32768
"""Digital value of a sample that is not there."""
HIGHEST: Final = 32767
GAP: Final = "Recording gap"
_NOTES: Final = "EDF Annotations"
_BLOCK_RECORDS = 600
_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
Read = Callable[[int, int], tuple[NDArray[np.int32], NDArray[np.bool_]]]
"""``(first, end)`` to counts (n_samples, n_leads) and what is present (n_samples,)."""


def write_edf(
    file: BinaryIO,
    read: Read,
    *,
    n_samples: int,
    fs_hz: float,
    lead_names: Sequence[str],
    gain_counts_per_mv: float,
    start_at: datetime,
    gaps: Sequence[tuple[int, int]] = (),
) -> None:
    """Write one recording; about 20 MB of memory whatever its length.

    The patient field stays anonymous (``X X X X``).

    Parameters
    ----------
    file : binary file
        Open for writing.
    read : callable
        Gives stretches of the recording; called twice for each, in order.
    n_samples : int
        Length, holes included; at least 1.
    fs_hz : float
        Sampling rate in Hz.
    lead_names : sequence of str
        One per column.
    gain_counts_per_mv : float
        Counts per mV of the samples. Counts beyond 16 bit are divided by the smallest
        whole number that fits them, and the gain with them.
    start_at : datetime
        Aware time of sample 0; written in UTC.
    gaps : sequence of (int, int)
        Stretches ``[first, end)`` that are not there, in order.
    """
    per_record = max(1, round(fs_hz))
    n_records = math.ceil(n_samples / per_record)
    block = _BLOCK_RECORDS * per_record
    stretches = [(a, min(a + block, n_samples)) for a in range(0, n_samples, block)]
    largest = max(_largest(*read(first, end)) for first, end in stretches)
    divisor = max(1, math.ceil(largest / HIGHEST))
    notes = _annotations(n_records, per_record, fs_hz, gaps)
    note_values = math.ceil(max(map(len, notes)) / 2)
    leads = len(lead_names)
    sizes = [per_record] * leads + [note_values]
    mv_per_count = divisor / gain_counts_per_mv
    file.write(_head(start_at, n_records, per_record / fs_hz, leads + 1))
    file.write(_signal_heads(lead_names, mv_per_count, sizes))
    for first, end in stretches:
        counts, present = read(first, end)
        values = np.full(
            (math.ceil((end - first) / per_record) * per_record, leads), LOWEST
        )
        values[: end - first][present] = np.rint(counts[present] / divisor)
        records = values.astype("<i2").reshape(-1, per_record, leads).transpose(0, 2, 1)
        for n, record in enumerate(records, first // per_record):
            file.write(record.tobytes())
            file.write(notes[n].ljust(2 * note_values, b"\0"))


def _largest(counts: NDArray[np.int32], present: NDArray[np.bool_]) -> int:
    there = counts[present]
    return int(np.abs(there.astype(np.int64)).max()) if there.size else 0


def _annotations(
    n_records: int, per_record: int, fs_hz: float, gaps: Sequence[tuple[int, int]]
) -> list[bytes]:
    """Give the annotations of each data record: its time, then gaps that begin in it."""
    notes = [f"+{n * per_record / fs_hz:.6f}\x14\x14\0".encode() for n in range(n_records)]
    for first, end in gaps:
        onset_s, length_s = first / fs_hz, (end - first) / fs_hz
        note = f"+{onset_s:.6f}\x15{length_s:.6f}\x14{GAP}\x14\0"
        notes[first // per_record] += note.encode()
    return notes


def _field(value: object, width: int) -> bytes:
    """Pad what one header field says; only printable ASCII may stand there."""
    text = "".join(c if " " <= c <= "~" else "?" for c in str(value))
    return text[:width].ljust(width).encode("ascii")


def _number(value: float, width: int = 8) -> bytes:
    """Write a number as exactly as the field allows, never in exponents."""
    for digits in range(width, -1, -1):
        text = f"{value:.{digits}f}"
        if len(text) <= width:
            return text.ljust(width).encode("ascii")
    raise ValueError(value)


def _head(start_at: datetime, n_records: int, record_s: float, n_signals: int) -> bytes:
    at = start_at.astimezone(UTC)
    day = f"{at.day:02d}-{_MONTHS[at.month - 1]}-{at.year}"
    return b"".join(
        (
            _field("0", 8),
            _field("X X X X", 80),
            _field(f"Startdate {day} X X X", 80),
            _field(f"{at:%d.%m.%y}", 8),
            _field(f"{at:%H.%M.%S}", 8),
            _field(256 * (n_signals + 1), 8),
            _field("EDF+C", 44),
            _field(n_records, 8),
            _number(record_s),
            _field(n_signals, 4),
        )
    )


def _signal_heads(
    lead_names: Sequence[str], mv_per_count: float, sizes: Sequence[int]
) -> bytes:
    n = len(lead_names)
    columns = (
        [_field(f"ECG {name}", 16) for name in lead_names]
        + [_field("EDF Annotations", 16)],
        [_field("", 80)] * (n + 1),
        [_field("mV", 8)] * n + [_field("", 8)],
        [_number(LOWEST * mv_per_count)] * n + [_field(-1, 8)],
        [_number(HIGHEST * mv_per_count)] * n + [_field(1, 8)],
        [_field(LOWEST, 8)] * (n + 1),
        [_field(HIGHEST, 8)] * (n + 1),
        [_field("", 80)] * (n + 1),
        [_field(size, 8) for size in sizes],
        [_field("", 32)] * (n + 1),
    )
    return b"".join(b"".join(column) for column in columns)
