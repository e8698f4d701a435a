"""Annotated recordings on the detection grid, with whole patients in one fold.

The folder is laid out as the PhysioNet databases are (``mitdb``, ``qtdb``, ``vfdb``,
``cudb``, ``cpsc2021``, ``nstdb``), each a directory of WFDB records.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from analytics import filters

NORMAL, SUPRA, VENTRICULAR, OTHER = 0, 1, 2, 3
CLASS_OF = (
    dict.fromkeys("NLRBejn", NORMAL)
    | dict.fromkeys("AaJS", SUPRA)
    | dict.fromkeys("VEr", VENTRICULAR)
    | dict.fromkeys("F/fQ?", OTHER)
)
SHOCKABLE = ("(VF", "(VFIB", "(VFL")
FAST_VENTRICULAR = ("(VT", *SHOCKABLE)
UNSURE = ("(NOISE", "(HGEA", "(VER")
DATABASES = ("mitdb", "qtdb", "vfdb", "cudb", "cpsc2021")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One recording, all leads, on the detection grid."""

    database: str
    name: str
    patient: str
    leads: NDArray[np.float32]
    """High-passed, mV, shape (n_leads, n_grid)."""
    beats: NDArray[np.float64]
    """Grid positions (fractional)."""
    classes: NDArray[np.int64]
    rhythm: NDArray[np.int8]
    """Per grid sample: 0 other, 1 VT, 2 VF or flutter, -1 unsure."""
    has_beats: bool


def patient_of(database: str, name: str) -> str:
    """Name the patient: the same person may be in two databases or twice in one."""
    if database == "mitdb":
        return {"202": "mit201"}.get(name, "mit" + name)
    if database == "qtdb" and name.startswith(("sel1", "sel2")) and len(name) == 6:
        return "mit" + name[3:]
    if database == "cpsc2021":
        return "cpsc" + name.split("_")[1]
    return database + name


def folds_of(folder: Path, folds: int) -> dict[str, int]:
    """Deal the patients out over folds, in the order of their names per database."""
    dealt: dict[str, int] = {}
    for database in DATABASES:
        names = sorted(path.stem for path in (folder / database).glob("*.hea"))
        patients = dict.fromkeys(patient_of(database, name) for name in names)
        fresh = [patient for patient in patients if patient not in dealt]
        dealt |= {patient: place % folds for place, patient in enumerate(fresh)}
    return dealt


def to_grid(ecg_mv: NDArray[np.float64], fs: float) -> NDArray[np.float32]:
    """Resample and high-pass one lead exactly as the product does."""
    ecg, _ = filters.fill_holes(ecg_mv)
    rate = filters.resampling(fs)
    half = filters.HIGH_PASS_HALF
    count = int(ecg.size * rate.up / rate.down)
    grid = filters.resample_span(ecg, rate, 0, -half, count + half)
    return filters.high_pass_valid(grid).astype(np.float32)


def _rhythm_track(note: wfdb.Annotation, scale: float, length: int) -> NDArray[np.int8]:
    track = np.zeros(length, dtype=np.int8)
    marks: list[tuple[int, int]] = []
    for sample, symbol, aux in zip(note.sample, note.symbol, note.aux_note, strict=True):
        label = aux.rstrip("\x00").strip()
        if symbol == "[":
            marks.append((sample, 2))
        elif symbol == "]":
            marks.append((sample, 0))
        elif symbol == "+" and label.startswith("("):
            kind = 2 if label in SHOCKABLE else 1 if label in FAST_VENTRICULAR else 0
            marks.append((sample, -1 if label in UNSURE else kind))
    for (start, kind), (end, _) in pairwise([*marks, (10**12, 0)]):
        track[int(start * scale) : int(min(end * scale, length))] = kind
    return track


def read(folder: Path, database: str, name: str) -> Labelled:
    """Read one record; qtdb records without ``.atr`` give signals without labels."""
    path = str(folder / database / name)
    record = wfdb.rdrecord(path)
    scale = filters.GRID_HZ / record.fs
    leads = np.stack([to_grid(lead, record.fs) for lead in record.p_signal.T])
    length = leads.shape[1]
    beats, classes = np.empty(0), np.empty(0, dtype=np.int64)
    rhythm = np.zeros(length, dtype=np.int8)
    has_beats = False
    if (folder / database / f"{name}.atr").exists():
        note = wfdb.rdann(path, "atr")
        kept = [i for i, symbol in enumerate(note.symbol) if symbol in CLASS_OF]
        beats = note.sample[kept] * scale
        classes = np.array([CLASS_OF[note.symbol[i]] for i in kept], dtype=np.int64)
        rhythm = _rhythm_track(note, scale, length)
        has_beats = beats.size > 20
    return Labelled(
        database, name, patient_of(database, name), leads, beats, classes, rhythm, has_beats
    )


def read_all(folder: Path, databases: tuple[str, ...] = DATABASES) -> Iterator[Labelled]:
    """Read every record of the databases that are there."""
    for database in databases:
        for header in sorted((folder / database).glob("*.hea")):
            yield read(folder, database, header.stem)
