"""WFDB records: signals through ``wfdb``, headers looked at here first.

The only file that imports wfdb. A header is checked before wfdb sees it: it may name
only files beside itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import numpy as np
import wfdb
from numpy.typing import NDArray

from analytics.errors import BadRecord
from analytics.records_types import MISSING, Counts, RecordFile

UNIT_MV: Final = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3, "nv": 1e-6}
"""Units of voltage, in mV; a signal in any other unit is no ECG."""
MISSING_BY_FORMAT: Final = {
    "8": -128,
    "80": -128,
    "508": -128,
    "16": -(2**15),
    "61": -(2**15),
    "160": -(2**15),
    "516": -(2**15),
    "212": -(2**11),
    "310": -(2**9),
    "311": -(2**9),
    "24": -(2**23),
    "524": -(2**23),
    "32": -(2**31),
}
"""Count that means "no sample" in each storage format (WFDB signal(5))."""
_DEFAULT_FS = 250.0  # Hz, where a header does not say (WFDB header(5))
_MAX_HEADER_BYTES = 2**20
_MAX_UNSIZED_BYTES = 2**28  # of a signal file whose header says no length: read at once
_GAINS = 1e-6, 1e12  # counts per unit; outside, the header is damaged
_MAX_SAMPLES = 1000 * 86400 * 31  # a month at 1000 Hz: a longer header is damaged


@dataclass(frozen=True, slots=True)
class Header:
    """First line of a header, and the files it names."""

    name: str
    fs: float
    n_samples: int | None
    start_at: datetime | None
    segments: int
    """0 for a record of one piece."""


def read_header(path: Path) -> Header:
    """Read what annotations need from a ``.hea`` file.

    Parameters
    ----------
    path : Path
        The header itself.

    Raises
    ------
    BadRecord
        ``missing``, ``header_damaged``, or ``outside_folder``: it names a file elsewhere.
    """
    text = _header_text(path)
    lines = [x for x in text.splitlines() if x.strip() and not x.lstrip().startswith("#")]
    fields = lines[0].split() if lines else []
    try:
        name, _, pieces = fields[0].partition("/")
        signals = int(fields[1])
        rate = fields[2].split("/")[0] if len(fields) > 2 else str(_DEFAULT_FS)
        fs = float(rate.split("(")[0])
        n = int(fields[3]) if len(fields) > 3 else None
        segments = int(pieces) if pieces else 0
    except (IndexError, ValueError) as error:
        raise BadRecord(reason="header_damaged", record=path.stem) from error
    too_long = n is not None and not 0 <= n <= _MAX_SAMPLES
    if signals < 0 or not 0.0 < fs < 1e5 or too_long:
        raise BadRecord(reason="header_damaged", record=path.stem)
    for line in lines[1:]:
        if any(sign in line.split()[0] for sign in ("/", "\\", "..", ":")):
            raise BadRecord(reason="outside_folder", record=path.stem)
    return Header(name, fs, n or None, _start(fields[4:6]), segments)


def _header_text(path: Path) -> str:
    try:
        with path.open(encoding="latin-1") as file:
            text = file.read(_MAX_HEADER_BYTES + 1)
    except OSError as error:
        raise BadRecord(reason="missing", record=path.stem) from error
    if len(text) > _MAX_HEADER_BYTES:
        raise BadRecord(reason="header_damaged", record=path.stem)
    return text


def is_gain(gain: float) -> bool:
    """Say whether counts per unit can be a gain; a negative one turns the lead over."""
    return bool(np.isfinite(gain)) and _GAINS[0] <= abs(gain) <= _GAINS[1]


def _start(fields: Sequence[str]) -> datetime | None:
    """Read base time and date; None unless both are there and make sense."""
    if len(fields) < 2:
        return None
    try:
        parts = [float(x) for x in fields[0].split(":")]
        day, month, year = (int(x) for x in fields[1].split("/"))
        hour, minute, second = parts
        at = time(int(hour), int(minute), int(second), round(second % 1 * 1e6) % 10**6, UTC)
        return datetime.combine(date(year, month, day), at)
    except ValueError:
        return None


def open_wfdb(path: Path) -> RecordFile:
    """Open a WFDB record, of one piece or of several, in any format wfdb knows.

    Parameters
    ----------
    path : Path
        Of the header, with or without ``.hea``.

    Raises
    ------
    BadRecord
        ``missing``, ``no_signal``, ``no_ecg``, ``outside_folder``, ``header_damaged`` or
        ``signal_damaged``; what is wrong with the samples shows when they are read.
    """
    stem = path.with_suffix("") if path.suffix == ".hea" else path
    header = read_header(stem.with_name(stem.name + ".hea"))
    return _joined(stem, header) if header.segments else _piece(stem, header)


@contextmanager
def _named_damage(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BadRecord(reason="no_signal", record=name) from error
    except (
        AttributeError,
        IndexError,
        KeyError,
        OSError,
        OverflowError,
        RuntimeError,  # soundfile's LibsndfileError
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        raise BadRecord(reason="signal_damaged", record=name) from error


def _piece(stem: Path, header: Header) -> RecordFile:
    """Open the voltage signals of a record of one piece.

    Where signals have several samples in a frame, those with the most are offered, each
    sample as it was taken (wfdb alone would average them); slower ones are left out.
    """

    def samples(first: int, end: int | None, channels: Sequence[int] | None) -> wfdb.Record:
        with _named_damage(stem.name):
            return wfdb.rdrecord(
                str(stem),
                sampfrom=first,
                sampto=end,
                channels=channels,
                physical=False,
                return_res=32,
                smooth_frames=False,
            )

    with _named_damage(stem.name):
        facts = wfdb.rdheader(str(stem))
        if not facts.n_sig:
            raise BadRecord(reason="no_signal", record=stem.name)
        if len(facts.fmt) != facts.n_sig:
            raise BadRecord(reason="header_damaged", record=stem.name)
        units = [(u or "mV").lower() for u in facts.units]
        voltage = [
            k for k, u in enumerate(units) if u in UNIT_MV and is_gain(facts.adc_gain[k])
        ]
    if not voltage:
        raise BadRecord(reason="no_ecg", record=stem.name)
    per_frame = max(facts.samps_per_frame[k] for k in voltage)
    slower = [k for k in voltage if facts.samps_per_frame[k] < per_frame]
    voltage = [k for k in voltage if k not in slower]
    unsized = None if facts.sig_len else _unsized(stem, facts.file_name, samples)
    n_frames = facts.sig_len if unsized is None else unsized.sig_len

    def read(first: int, end: int, columns: Sequence[int]) -> Counts:
        channels = [voltage[column] for column in columns]
        low, high = first // per_frame, -(-end // per_frame)
        if unsized is None:
            table = samples(low, high, channels).e_d_signal
        else:
            every = slice(low * per_frame, high * per_frame)
            table = [unsized.e_d_signal[k][every] for k in channels]
        counts: Counts = np.empty((end - first, len(columns)), np.int32, order="F")
        for place, (k, values) in enumerate(zip(channels, table or (), strict=True)):
            part = values[first - low * per_frame : end - low * per_frame]
            if len(part) != end - first:
                raise BadRecord(reason="signal_damaged", record=stem.name)
            counts[:, place] = part
            missing = MISSING_BY_FORMAT.get(facts.fmt[k], MISSING)
            counts[part == missing, place] = MISSING
        return counts

    return RecordFile(
        name=stem.name,
        fs=float(facts.fs) * per_frame,
        lead_names=tuple(facts.sig_name[k] or f"ECG{k}" for k in voltage),
        n_samples=n_frames * per_frame,
        gain_counts_per_mv=tuple(
            float(facts.adc_gain[k]) / UNIT_MV[units[k]] for k in voltage
        ),
        zero_counts=tuple(float(facts.baseline[k]) for k in voltage),
        read=read,
        start_at=header.start_at,
        left_out=tuple(facts.sig_name[k] or f"ECG{k}" for k in slower),
    )


def _unsized(
    stem: Path, names: Sequence[str], samples: Callable[..., wfdb.Record]
) -> wfdb.Record:
    """Read a record whose length only the size of its signal files tells."""
    with _named_damage(stem.name):
        size = sum(stem.with_name(name).stat().st_size for name in set(names))
    if size > _MAX_UNSIZED_BYTES:
        raise BadRecord(reason="header_damaged", record=stem.name)
    return samples(0, None, None)


def _joined(stem: Path, header: Header) -> RecordFile:
    """Lay the pieces of a record one after the other; ``~`` is a hole.

    Leads are matched by name. A piece with another gain is brought to the gain of the
    first piece that has the lead.
    """
    pieces, n_samples = _pieces(stem, header)
    scales: dict[str, tuple[float, float]] = {}
    for _, piece in pieces:
        own = zip(piece.gain_counts_per_mv, piece.zero_counts, strict=True)
        scales = dict(zip(piece.lead_names, own, strict=True)) | scales
    names = list(dict.fromkeys(n for _, piece in pieces for n in piece.lead_names))

    def read(first: int, end: int, columns: Sequence[int]) -> Counts:
        counts: Counts = np.full((end - first, len(columns)), MISSING, np.int32, order="F")
        for start, piece in pieces:
            low, high = max(first, start), min(end, start + piece.n_samples)
            wanted = [c for c, k in enumerate(columns) if names[k] in piece.lead_names]
            if low >= high or not wanted:
                continue
            own = [piece.lead_names.index(names[columns[c]]) for c in wanted]
            block = piece.read(low - start, high - start, own)
            for c, k, part in zip(wanted, own, block.T, strict=True):
                scale = (piece.gain_counts_per_mv[k], piece.zero_counts[k])
                to = _rescaled(part, scale, scales[names[columns[c]]])
                counts[low - first : high - first, c] = to
        return counts

    return RecordFile(
        name=stem.name,
        fs=pieces[0][1].fs,
        lead_names=tuple(names),
        n_samples=n_samples,
        gain_counts_per_mv=tuple(scales[name][0] for name in names),
        zero_counts=tuple(scales[name][1] for name in names),
        read=read,
        start_at=header.start_at,
        left_out=tuple(
            dict.fromkeys(
                name for _, one in pieces for name in one.left_out if name not in names
            )
        ),
    )


def _pieces(stem: Path, header: Header) -> tuple[list[tuple[int, RecordFile]], int]:
    """Open the pieces of a record, each with its place, and say how long all are."""
    text = _header_text(stem.with_name(stem.name + ".hea"))
    lines = [x.split() for x in text.splitlines() if x.strip() and x[:1] != "#"]
    try:
        rows = [(fields[0], int(fields[1])) for fields in lines[1 : header.segments + 1]]
    except (IndexError, ValueError) as error:
        raise BadRecord(reason="header_damaged", record=stem.name) from error
    pieces: list[tuple[int, RecordFile]] = []
    lengths: list[int] = []
    at = 0
    for name, length in rows:
        if length < 0:
            raise BadRecord(reason="header_damaged", record=stem.name)
        if name != "~" and length > 0:  # a piece of length 0 only names the leads
            own = read_header(stem.with_name(name + ".hea"))
            if own.segments or own.fs != header.fs:
                raise BadRecord(reason="header_damaged", record=stem.name)
            pieces.append((at, _piece(stem.with_name(name), own)))
            lengths.append(length)
        at += length
    if not pieces or at > _MAX_SAMPLES:
        raise BadRecord(reason="no_signal", record=stem.name)
    per_frame = round(pieces[0][1].fs / header.fs)
    for (_, piece), length in zip(pieces, lengths, strict=True):
        same_rate = piece.fs == pieces[0][1].fs
        if not same_rate or piece.n_samples != length * per_frame:
            raise BadRecord(reason="header_damaged", record=stem.name)
    return [(start * per_frame, piece) for start, piece in pieces], at * per_frame


def _rescaled(
    counts: NDArray[np.int32], own: tuple[float, float], wanted: tuple[float, float]
) -> NDArray[np.int32]:
    if own == wanted:
        return counts
    mv = (counts - own[1]) / own[0]
    scaled: NDArray[np.int32] = np.rint(mv * wanted[0] + wanted[1]).astype(np.int32)
    scaled[counts == MISSING] = MISSING
    return scaled


def choose_leads(names: Sequence[str], leads: Sequence[str | int] | None) -> list[int]:
    """Turn lead names or positions into positions.

    Names are compared without regard to case. Text that is a number and not a name is a
    position.

    Raises
    ------
    BadRecord
        ``no_such_lead``.
    """
    if leads is None:
        return list(range(len(names)))
    lower = [name.lower() for name in names]
    chosen = []
    for lead in leads:
        if isinstance(lead, str) and lead.lower() in lower:
            chosen.append(lower.index(lead.lower()))
            continue
        try:
            k = int(lead)
        except ValueError:
            k = -1
        if not 0 <= k < len(names):
            raise BadRecord(reason="no_such_lead", lead=lead, leads=list(names))
        chosen.append(k)
    return chosen
