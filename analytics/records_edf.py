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
from analytics.records_types import MISSING, Counts, RecordFile
from analytics.records_wfdb import UNIT_MV, is_gain

_FIXED = 256  # bytes of the first header part
_PER_SIGNAL = 256  # bytes of header per signal
_FIELDS: Final = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # bytes per signal, in file order
_NOTES = "EDF Annotations"
_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_MAX_SIGNALS = 512
_NOTES_VALUES = 2**22  # 8 MB of the file at once
_MAX_SPAN_S = 31 * 86400.0  # s; record times further apart are damage


@dataclass(frozen=True, slots=True)
class _Signal:
    label: str
    unit: str
    gain: float
    """Counts per physical unit; negative where the file holds the lead upside down."""
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


def open_edf(path: Path) -> RecordFile:
    """Open the voltage signals of an EDF, EDF+C or EDF+D file.

    Signals in other units, or sampled slower than the fastest voltage signal, are left
    out. Where EDF+D leaves time out, samples are `MISSING`.

    Raises
    ------
    BadRecord
        ``missing``, ``header_damaged``, ``truncated``, ``signal_damaged`` or ``no_ecg``.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_FIXED + _PER_SIGNAL * _MAX_SIGNALS)
    except OSError as error:
        raise BadRecord(reason="missing", record=path.stem) from error
    try:
        layout = _layout(head, size)
    except (ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
        raise BadRecord(reason="header_damaged", record=path.stem) from error
    if size < layout.data_at + 2 * layout.size * layout.records:
        raise BadRecord(reason="truncated", record=path.stem)
    ecg = [s for s in layout.signals if s.unit in UNIT_MV and is_gain(s.gain)]
    if not ecg or not layout.records:
        raise BadRecord(reason="no_ecg", record=path.stem)
    fastest = max(s.samples for s in ecg)
    slower = tuple(s.label for s in ecg if s.samples < fastest)
    ecg = [s for s in ecg if s.samples == fastest]
    fs = fastest / layout.record_s
    try:
        onsets_s, texts = _notes(path, layout)
    except ValueError as error:
        raise BadRecord(reason="signal_damaged", record=path.stem) from error
    starts = _record_starts(onsets_s, layout, fs, fastest)
    if np.any(np.diff(starts) < fastest) or starts[-1] > _MAX_SPAN_S * fs:
        raise BadRecord(reason="signal_damaged", record=path.stem)
    origin_s = onsets_s[0] if onsets_s else 0.0

    def read(first: int, end: int, columns: Sequence[int]) -> Counts:
        return _laid_out(path, layout, [ecg[k] for k in columns], starts, first, end)

    return RecordFile(
        name=path.stem,
        fs=fs,
        lead_names=tuple(s.label for s in ecg),
        n_samples=int(starts[-1]) + fastest,
        gain_counts_per_mv=tuple(s.gain / UNIT_MV[s.unit] for s in ecg),
        zero_counts=tuple(s.zero for s in ecg),
        read=read,
        start_at=layout.start_at,
        notes=tuple((round((at - origin_s) * fs), text) for at, text in texts),
        left_out=slower,
    )


def _rows(path: Path, layout: _Layout, first: int, end: int) -> NDArray[np.int16]:
    """Read data records ``[first, end)``, one per row."""
    n_values = (end - first) * layout.size
    offset = layout.data_at + 2 * layout.size * first
    try:
        values = np.fromfile(path, "<i2", count=n_values, offset=offset)
        return values.reshape(end - first, layout.size)
    except (OSError, ValueError) as error:
        raise BadRecord(reason="truncated", record=path.stem) from error


def _layout(head: bytes, file_bytes: int) -> _Layout:
    if head[:8] != b"0       " or len(head) < _FIXED:
        raise ValueError(head[:8])
    text = head[:_FIXED].decode("latin-1")
    n_signals = int(text[252:256])
    data_at, records = int(text[184:192]), int(text[236:244])
    record_s = float(text[244:252])
    reserved = text[192:236].strip()
    if not 0 < n_signals <= _MAX_SIGNALS or data_at != _FIXED + _PER_SIGNAL * n_signals:
        raise ValueError(n_signals)
    if not 0.0 < record_s < 86400.0:
        raise ValueError(record_s)
    signals = _signals(head[_FIXED:data_at].decode("latin-1"), n_signals)
    size = sum(s.samples for s in signals)
    if records < 0:  # the recorder was stopped before it could fill in the number
        records = (file_bytes - data_at) // (2 * size)
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


def _notes(path: Path, layout: _Layout) -> tuple[list[float], list[tuple[float, str]]]:
    """Onset of each data record and all texts, from the annotation signals."""
    onsets: list[float] = []
    texts: list[tuple[float, str]] = []
    signals = [s for s in layout.signals if s.label == _NOTES]
    step = max(1, _NOTES_VALUES // layout.size)
    for begin in range(0, layout.records if signals else 0, step):
        table = _rows(path, layout, begin, min(begin + step, layout.records))
        for place, s in enumerate(signals):
            for row in table[:, s.offset : s.offset + s.samples]:
                lists = [x for x in row.tobytes().split(b"\0") if x]
                for k, tal in enumerate(lists):
                    onset, *words = tal.decode("utf-8", "replace").split("\x14")
                    at = float(onset.split("\x15")[0])
                    if place == 0 and k == 0:
                        onsets.append(at)
                    texts += [(at, word) for word in words if word]
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
    path: Path,
    layout: _Layout,
    ecg: Sequence[_Signal],
    starts: NDArray[np.int64],
    first: int,
    end: int,
) -> Counts:
    counts: Counts = np.full((end - first, len(ecg)), MISSING, dtype=np.int32, order="F")
    low = max(0, int(np.searchsorted(starts, first, "right")) - 1)
    high = int(np.searchsorted(starts, end, "left"))
    table = _rows(path, layout, low, high)
    samples = ecg[0].samples
    whole = high > low and starts[high - 1] - starts[low] == samples * (high - 1 - low)
    for column, s in enumerate(ecg):
        rows = table[:, s.offset : s.offset + samples]
        pieces = [rows.reshape(-1)] if whole else list(rows)
        for start, piece in zip(starts[low:high].tolist(), pieces, strict=False):
            begin, stop = max(start, first), min(start + len(piece), end)
            if begin < stop:
                counts[begin - first : stop - first, column] = piece[
                    begin - start : stop - start
                ]
    return counts
