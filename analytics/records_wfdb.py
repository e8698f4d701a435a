"""WFDB records: signals through ``wfdb``, headers looked at here first.

The only file that imports wfdb. A header is checked before wfdb sees it: it may name
only files beside itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import numpy as np
import wfdb
from numpy.typing import NDArray

from analytics.errors import BadRecord
from analytics.records_types import MISSING, Counts, Recording

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
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise BadRecord(reason="missing", record=path.stem) from error
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


def read_wfdb(path: Path, leads: Sequence[str | int] | None) -> Recording:
    """Read a WFDB record, of one piece or of several, in any format wfdb knows.

    Parameters
    ----------
    path : Path
        Of the header, with or without ``.hea``.
    leads : sequence of str or int, optional
        Names or positions among the voltage signals; all by default.

    Raises
    ------
    BadRecord
        ``missing``, ``no_signal``, ``no_ecg``, ``no_such_lead``, ``outside_folder``,
        ``header_damaged`` or ``signal_damaged``.
    """
    stem = path.with_suffix("") if path.suffix == ".hea" else path
    header = read_header(stem.with_name(stem.name + ".hea"))
    if header.segments:
        return _chosen(_joined(stem, header), leads)
    return _chosen(_read_piece(stem, header), leads)


def _read_piece(stem: Path, header: Header) -> Recording:
    """Read all voltage signals of a record of one piece."""
    try:
        record = wfdb.rdrecord(str(stem), physical=False, return_res=32)
    except FileNotFoundError as error:
        raise BadRecord(reason="no_signal", record=stem.name) from error
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
        raise BadRecord(reason="signal_damaged", record=stem.name) from error
    if record.d_signal is None or record.n_sig == 0:
        raise BadRecord(reason="no_signal", record=stem.name)
    return _recording(record, stem.name, header)


def _joined(stem: Path, header: Header) -> Recording:
    """Lay the pieces of a record one after the other; ``~`` is a hole.

    Leads are matched by name. A piece with another gain is brought to the gain of the
    first piece that has the lead.
    """
    text = stem.with_name(stem.name + ".hea").read_text(encoding="latin-1")
    lines = [x.split() for x in text.splitlines() if x.strip() and x[:1] != "#"]
    try:
        rows = [(fields[0], int(fields[1])) for fields in lines[1 : header.segments + 1]]
    except (IndexError, ValueError) as error:
        raise BadRecord(reason="header_damaged", record=stem.name) from error
    pieces: list[tuple[int, Recording]] = []
    at = 0
    for name, length in rows:
        if name != "~" and length > 0:  # a piece of length 0 only names the leads
            own = read_header(stem.with_name(name + ".hea"))
            piece = _read_piece(stem.with_name(name), own)
            if own.segments or own.fs != header.fs or piece.n_samples != length:
                raise BadRecord(reason="header_damaged", record=stem.name)
            pieces.append((at, piece))
        at += length
    if not pieces or at > _MAX_SAMPLES:
        raise BadRecord(reason="no_signal", record=stem.name)
    names = list(dict.fromkeys(n for _, piece in pieces for n in piece.lead_names))
    counts: Counts = np.full((at, len(names)), MISSING, np.int32, order="F")
    gains, zeros = [], []
    for column, lead in enumerate(names):
        scale: tuple[float, float] | None = None
        for start, piece in pieces:
            if lead in piece.lead_names:
                k = piece.lead_names.index(lead)
                own_scale = (piece.gain_counts_per_mv[k], piece.zero_counts[k])
                scale = scale or own_scale
                part = _rescaled(piece.counts[:, k], own_scale, scale)
                counts[start : start + piece.n_samples, column] = part
        gains.append(scale[0] if scale else 1.0)
        zeros.append(scale[1] if scale else 0.0)
    return Recording(
        stem.name,
        header.fs,
        tuple(names),
        counts,
        tuple(gains),
        tuple(zeros),
        header.start_at,
    )


def _rescaled(
    counts: NDArray[np.int32], own: tuple[float, float], wanted: tuple[float, float]
) -> NDArray[np.int32]:
    if own == wanted:
        return counts
    mv = (counts - own[1]) / own[0]
    scaled: NDArray[np.int32] = np.rint(mv * wanted[0] + wanted[1]).astype(np.int32)
    scaled[counts == MISSING] = MISSING
    return scaled


def _chosen(recording: Recording, leads: Sequence[str | int] | None) -> Recording:
    if leads is None:
        return recording
    chosen = choose_leads(recording.lead_names, leads)
    return replace(
        recording,
        lead_names=tuple(recording.lead_names[k] for k in chosen),
        counts=np.asfortranarray(recording.counts[:, chosen]),
        gain_counts_per_mv=tuple(recording.gain_counts_per_mv[k] for k in chosen),
        zero_counts=tuple(recording.zero_counts[k] for k in chosen),
    )


def _recording(record: wfdb.Record, name: str, header: Header) -> Recording:
    units = [(u or "mV").lower() for u in record.units]
    voltage = [k for k, u in enumerate(units) if u in UNIT_MV and record.adc_gain[k]]
    if not voltage:
        raise BadRecord(reason="no_ecg", record=name)
    counts: Counts = np.empty((len(record.d_signal), len(voltage)), np.int32, order="F")
    for column, k in enumerate(voltage):
        values = record.d_signal[:, k]
        counts[:, column] = values
        counts[values == MISSING_BY_FORMAT.get(record.fmt[k], MISSING), column] = MISSING
    return Recording(
        name=name,
        fs=float(record.fs),
        lead_names=tuple(record.sig_name[k] or f"ECG{k}" for k in voltage),
        counts=counts,
        gain_counts_per_mv=tuple(
            float(record.adc_gain[k]) / UNIT_MV[units[k]] for k in voltage
        ),
        zero_counts=tuple(float(record.baseline[k]) for k in voltage),
        start_at=header.start_at,
    )


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
