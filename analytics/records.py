"""Recordings on disk: WFDB, EDF/EDF+ and ISHNE in, annotations in and out.

With the command line, the only place of this room that touches files.
"""

from collections.abc import Sequence
from pathlib import Path

from analytics.errors import BadRecord
from analytics.records_annotations import decode_annotations, encode_annotations
from analytics.records_edf import open_edf
from analytics.records_ishne import MAGIC, open_ishne
from analytics.records_types import RecordAnnotations, RecordFile, Recording
from analytics.records_wfdb import Header, choose_leads, open_wfdb, read_header

SIGNAL_SUFFIXES = (".dat", ".mat")
"""Names of WFDB signal files, taken as the record of the same name."""


def read_record(path: str | Path, *, leads: Sequence[str | int] | None = None) -> Recording:
    """Read a recording, whatever its format.

    Parameters
    ----------
    path : str or Path
        WFDB record (with or without ``.hea``), EDF/EDF+ or ISHNE file.
    leads : sequence of str or int, optional
        Names or positions of the leads wanted; all voltage signals by default.

    Returns
    -------
    Recording

    Raises
    ------
    BadRecord
        With ``reason``: ``missing``, ``unknown_format``, ``header_damaged``,
        ``signal_damaged``, ``truncated``, ``no_signal``, ``no_ecg``, ``no_such_lead`` or
        ``outside_folder``.
    """
    file = open_record(path)
    return file.whole(choose_leads(file.lead_names, leads))


def open_record(path: str | Path) -> RecordFile:
    """Open a recording, whatever its format, to read it in stretches.

    Raises
    ------
    BadRecord
        As `read_record`, but for ``no_such_lead``.
    """
    place = Path(path)
    stem = record_stem(place)
    if stem.with_name(stem.name + ".hea").is_file():
        return open_wfdb(stem)
    for candidate in (place, place.with_name(place.name + ".edf")):
        if candidate.is_file():
            return _open_file(candidate)
    raise BadRecord(reason="missing", record=place.name)


def _open_file(path: Path) -> RecordFile:
    with path.open("rb") as file:
        head = file.read(8)
    if head == MAGIC:
        return open_ishne(path)
    if head == b"0       ":
        return open_edf(path)
    raise BadRecord(reason="unknown_format", record=path.name)


def record_stem(path: Path) -> Path:
    """Path of a record without the suffix of its header, signal or EDF file."""
    known = (".hea", *SIGNAL_SUFFIXES, ".edf", ".ecg")
    return path.with_suffix("") if path.suffix.lower() in known else path


def record_header(path: str | Path) -> Header | None:
    """Header of a WFDB record; None where there is no header file.

    Raises
    ------
    BadRecord
        ``header_damaged`` or ``outside_folder``.
    """
    stem = record_stem(Path(path))
    header = stem.with_name(stem.name + ".hea")
    return read_header(header) if header.is_file() else None


def read_annotations(path: str | Path, extension: str) -> RecordAnnotations:
    """Read the annotation file of a record.

    Parameters
    ----------
    path : str or Path
        The record, with or without a suffix of its own.
    extension : str
        Annotator name, the suffix without its dot: ``atr``.

    Raises
    ------
    BadRecord
        ``no_annotations`` or ``annotations_damaged``.
    """
    stem = record_stem(Path(path))
    try:
        data = stem.with_name(f"{stem.name}.{extension}").read_bytes()
    except OSError as error:
        raise BadRecord(
            reason="no_annotations", record=stem.name, extension=extension
        ) from error
    return decode_annotations(data)


def write_annotations(
    path: str | Path, extension: str, annotations: RecordAnnotations
) -> None:
    """Write an annotation file beside the given record path.

    Raises
    ------
    BadRecord
        ``annotations_invalid``.
    """
    stem = record_stem(Path(path))
    data = encode_annotations(annotations)
    stem.with_name(f"{stem.name}.{extension}").write_bytes(data)
