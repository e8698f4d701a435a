"""EDF and EDF+ recordings, continuous or with holes, and their annotations.

Format: Kemp et al. (1992), doi:10.1016/0013-4694(92)90009-7, and EDF+ (2003),
doi:10.1016/S1388-2457(03)00123-8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import BadRecord
from analytics.records_types import MISSING, Counts, Recording
from analytics.records_wfdb import UNIT_MV, choose_leads

_FIXED = 256  # bytes of the first header part
_PER_SIGNAL = 256  # bytes of header per signal
_FIELDS: Final = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # bytes per signal, in file order
_NOTES = "EDF Annotations"
_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_MAX_SIGNALS = 512
_MAX_SPAN_S = 31 * 86400.0  # s; record times further apart are damage


@dataclass(frozen=True, slots=True)
class _Signal:
    label: str
    unit: str
    gain: float
    """Counts per physical unit."""
    zero: float
    """Count of physical 0."""
    samples: int
    """Per data record."""
    offset: int
    """Position in a data record, in samples."""


@dataclass(frozen=True, slots=True)
class _Layout:
    signals: tuple[_Signal, ...]
    record_s: float
    records: int
    start_at: datetime | None
    holes: bool
    """EDF+D: data records say themselves when they begin."""
    data_at: int
    size: int
    """Samples of one data record, all signals."""


def read_edf(path: Path, leads: Sequence[str | int] | None) -> Recording:
    """Read the voltage signals of an EDF, EDF+C or EDF+D file.

    Signals in other units, or sampled slower than the fastest voltage signal, are left
    out. Where EDF+D leaves time out, samples are `MISSING`.

    Raises
    ------
    BadRecord
        ``missing``, ``header_damaged``, ``truncated``, ``signal_damaged``, ``no_ecg`` or
        ``no_such_lead``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRecord(reason="missing", record=path.stem) from error
    try:
        layout = _layout(data)
    except (ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
        raise BadRecord(reason="header_damaged", record=path.stem) from error
    if len(data) < layout.data_at + 2 * layout.size * layout.records:
        raise BadRecord(reason="truncated", record=path.stem)
    count = layout.size * layout.records
    raw = np.frombuffer(data, "<i2", count=count, offset=layout.data_at)
    table = raw.reshape(layout.records, layout.size)
    ecg = [s for s in layout.signals if s.unit in UNIT_MV and np.isfinite(s.gain)]
    if not ecg or not layout.records:
        raise BadRecord(reason="no_ecg", record=path.stem)
    fastest = max(s.samples for s in ecg)
    ecg = [s for s in ecg if s.samples == fastest]
    ecg = [ecg[k] for k in choose_leads([s.label for s in ecg], leads)]
    fs = fastest / layout.record_s
    try:
        onsets_s, texts = _notes(table, layout)
    except ValueError as error:
        raise BadRecord(reason="signal_damaged", record=path.stem) from error
    first = _record_starts(onsets_s, layout, fs, fastest)
    if np.any(np.diff(first) < fastest) or first[-1] > _MAX_SPAN_S * fs:
        raise BadRecord(reason="signal_damaged", record=path.stem)
    origin_s = onsets_s[0] if onsets_s else 0.0
    return Recording(
        name=path.stem,
        fs=fs,
        lead_names=tuple(s.label for s in ecg),
        counts=_laid_out(table, ecg, first, fastest),
        gain_counts_per_mv=tuple(s.gain / UNIT_MV[s.unit] for s in ecg),
        zero_counts=tuple(s.zero for s in ecg),
        start_at=layout.start_at,
        notes=tuple((round((at - origin_s) * fs), text) for at, text in texts),
    )


def _layout(data: bytes) -> _Layout:
    if data[:8] != b"0       " or len(data) < _FIXED:
        raise ValueError(data[:8])
    text = data[:_FIXED].decode("latin-1")
    n_signals = int(text[252:256])
    data_at, records = int(text[184:192]), int(text[236:244])
    record_s = float(text[244:252])
    reserved = text[192:236].strip()
    if not 0 < n_signals <= _MAX_SIGNALS or data_at != _FIXED + _PER_SIGNAL * n_signals:
        raise ValueError(n_signals)
    if not 0.0 < record_s < 86400.0:
        raise ValueError(record_s)
    signals = _signals(data[_FIXED:data_at].decode("latin-1"), n_signals)
    size = sum(s.samples for s in signals)
    if records < 0:  # the recorder was stopped before it could fill in the number
        records = (len(data) - data_at) // (2 * size)
    return _Layout(
        signals=signals,
        record_s=record_s,
        records=records,
        start_at=_start(text),
        holes=reserved.startswith("EDF+D"),
        data_at=data_at,
        size=size,
    )


def _signals(text: str, n: int) -> tuple[_Signal, ...]:
    columns: list[list[str]] = []
    at = 0
    for width in _FIELDS:
        columns.append(
            [text[at + k * width : at + (k + 1) * width].strip() for k in range(n)]
        )
        at += n * width
    signals, offset = [], 0
    for k in range(n):
        low, high, dig_low, dig_high = (float(columns[c][k]) for c in (3, 4, 5, 6))
        gain = (dig_high - dig_low) / (high - low) if high != low else np.inf
        samples = int(columns[8][k])
        if samples <= 0:
            raise ValueError(samples)
        zero = dig_low - low * gain if np.isfinite(gain) else 0.0
        label = columns[0][k].removeprefix("ECG ").removeprefix("EKG ")
        if columns[0][k] == _NOTES:
            label = _NOTES
        unit = columns[2][k].lower().replace("\u03bc", "µ")
        signals.append(_Signal(label, unit, gain, zero, samples, offset))
        offset += samples
    return tuple(signals)


def _start(text: str) -> datetime | None:
    """Start from the EDF+ recording field (four-digit year) or the short date."""
    try:
        hour, minute, second = (int(x) for x in text[176:184].split("."))
        day, month, short = (int(x) for x in text[168:176].split("."))
        year = short + (1900 if short >= 85 else 2000)
        words = text[88:168].split()
        if len(words) > 1 and words[0] == "Startdate" and words[1] != "X":
            named = words[1].upper().split("-")
            day, month, year = int(named[0]), _MONTHS.index(named[1]) + 1, int(named[2])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, IndexError):
        return None


def _notes(
    table: NDArray[np.int16], layout: _Layout
) -> tuple[list[float], list[tuple[float, str]]]:
    """Onset of each data record and all texts, from the annotation signals."""
    onsets: list[float] = []
    texts: list[tuple[float, str]] = []
    first = True
    for s in layout.signals:
        if s.label != _NOTES:
            continue
        for row in table[:, s.offset : s.offset + s.samples]:
            lists = [x for x in row.tobytes().split(b"\0") if x]
            for k, tal in enumerate(lists):
                onset, *words = tal.decode("utf-8", "replace").split("\x14")
                at = float(onset.split("\x15")[0])
                if first and k == 0:
                    onsets.append(at)
                texts += [(at, word) for word in words if word]
        first = False
    return onsets, texts


def _record_starts(
    onsets_s: list[float], layout: _Layout, fs: float, samples: int
) -> NDArray[np.int64]:
    if layout.holes and len(onsets_s) == layout.records:
        starts = np.rint((np.array(onsets_s) - onsets_s[0]) * fs).astype(np.int64)
        # Onsets carry rounding of the writer: a record never begins inside the one before.
        late = np.diff(starts) - samples
        if np.all(late >= -1):
            for k in np.flatnonzero(late == -1):
                starts[k + 1 :] += 1
        return starts
    return np.arange(layout.records, dtype=np.int64) * samples


def _laid_out(
    table: NDArray[np.int16], ecg: Sequence[_Signal], first: NDArray[np.int64], samples: int
) -> Counts:
    n = int(first[-1]) + samples
    counts: Counts = np.full((n, len(ecg)), MISSING, dtype=np.int32, order="F")
    whole = n == samples * len(first)
    for column, s in enumerate(ecg):
        rows = table[:, s.offset : s.offset + samples]
        if whole:
            counts[:, column] = rows.reshape(-1)
        else:
            for start, row in zip(first.tolist(), rows, strict=True):
                counts[start : start + samples, column] = row
    return counts
