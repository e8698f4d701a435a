"""Train the trees that tell supraventricular beats from intervals.

Run ``python -m analytics.training.beats_s_train DATA OUT.onnx [--folds 4]``. It reads
annotation files only (``mitdb``, ``qtdb``, ``ltdb``, ``ltafdb``) and adds simulated
rhythms. With ``--folds`` it first leaves whole patients out and writes what was found in
each record. It needs lightgbm and onnxmltools.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import wfdb
from numpy.typing import NDArray

from analytics import supraventricular_model
from analytics.training import beats_s_simulate, beats_train, qrs_data
from analytics.training.qrs_data import NORMAL, SUPRA, VENTRICULAR

DATABASES = ("mitdb", "qtdb", "ltdb", "ltafdb")
PACED = ("mitdb/102", "mitdb/104", "mitdb/107", "mitdb/217")
LONGEST_RR_S = 8.0
SIMULATED, SIMULATED_WEIGHT = 900, 0.05
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 12,
    "min_data_in_leaf": 150,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "num_threads": 1,
    "verbosity": -1,
    "seed": 1,
}
ROUNDS = 220
_EACH_KIND = 400.0
"""A record counts for at most so many beats of each of three kinds."""
_AT_MOST = {"early": 3000, "short": 4000, "plain": 3000}
"""Beats drawn from a long record: ectopic, shortened but not ectopic, and others."""
_SHORT = supraventricular_model.NAMES.index("to_reference"), 0.92


@dataclass(frozen=True, slots=True)
class Series:
    """Beats of one annotated recording."""

    name: str
    patient: str
    classes: NDArray[np.int64]
    plain: NDArray[np.int64]
    rows: NDArray[np.float32]


def read(folder: Path) -> list[Series]:
    """Read and measure every annotated record."""
    out = []
    for database in DATABASES:
        for path in sorted((folder / database).glob("*.atr")):
            name = f"{database}/{path.stem}"
            if name in PACED:
                continue
            fs = wfdb.rdheader(str(path.with_suffix(""))).fs
            samples, classes = beats_train.truth(folder, database, path.stem)
            rr = np.diff(samples, prepend=samples[:1]) / fs
            rr[:1] = np.nan
            rr[(rr > LONGEST_RR_S) | (rr <= 0.0)] = np.nan
            patient = qrs_data.patient_of(database, path.stem)
            # The excerpts sel1xxxx of qtdb are of patients of ltdb.
            patient = patient.replace("ltdb", "qtdbsel", 1)
            plain, rows = supraventricular_model.features(
                rr, classes == VENTRICULAR, everywhere=True
            )
            out.append(Series(name, patient, classes, plain, rows))
    return out


def simulated(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Measure simulated recordings; their false beats are left out."""
    tables, targets = [], []
    for _ in range(SIMULATED):
        made = beats_s_simulate.simulate(int(rng.choice([300, 600, 1500])), rng)
        plain, rows = supraventricular_model.features(
            made.rr_s, made.classes == VENTRICULAR, everywhere=True
        )
        kinds = made.classes[plain]
        known = (kinds == NORMAL) | (kinds == SUPRA)
        tables.append(rows[known])
        targets.append(kinds[known] == SUPRA)
    return np.concatenate(tables), np.concatenate(targets)


def fit(
    records: list[Series],
    made: tuple[NDArray[np.float32], NDArray[np.bool_]],
    rng: np.random.Generator,
) -> lightgbm.Booster:
    """Fit; a record counts for at most 400 beats of each kind."""
    tables, targets = [made[0]], [made[1].astype(float)]
    weights = [np.full(made[1].size, SIMULATED_WEIGHT)]
    for record in records:
        kinds = record.classes[record.plain]
        for chosen in _drawn(record, kinds, rng):
            tables.append(record.rows[chosen])
            targets.append((kinds[chosen] == SUPRA).astype(float))
            share = min(1.0, _EACH_KIND / max(chosen.size, 1))
            weights.append(np.full(chosen.size, share))
    data = lightgbm.Dataset(
        np.concatenate(tables), np.concatenate(targets), weight=np.concatenate(weights)
    )
    return lightgbm.train(PARAMETERS, data, ROUNDS)


def _drawn(
    record: Series, kinds: NDArray[np.int64], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    column, limit = _SHORT
    short = record.rows[:, column] < limit
    groups = {
        "early": kinds == SUPRA,
        "short": (kinds == NORMAL) & short,
        "plain": (kinds == NORMAL) & ~short,
    }
    return [
        rng.permutation(np.flatnonzero(group))[: _AT_MOST[name]]
        for name, group in groups.items()
    ]


def validate(
    records: list[Series],
    folds: int,
    made: tuple[NDArray[np.float32], NDArray[np.bool_]],
    rng: np.random.Generator,
) -> None:
    """Write hits, truth and false alarms of each record by trees without its patient."""
    patients = sorted({record.patient for record in records})
    rng.shuffle(patients)
    counts: dict[str, NDArray[np.int64]] = {}
    for fold in range(folds):
        held = set(patients[fold::folds])
        booster = fit([r for r in records if r.patient not in held], made, rng)
        for record in (r for r in records if r.patient in held):
            kinds = record.classes[record.plain]
            said = np.zeros(kinds.size, dtype=bool)
            if kinds.size:
                said = np.asarray(booster.predict(record.rows)) > 0.5
            hits, false = said & (kinds == SUPRA), said & (kinds == NORMAL)
            found = np.array([hits.sum(), (record.classes == SUPRA).sum(), false.sum()])
            counts[record.name] = found
            if found[1] > 20 or found[2] > 15:
                sys.stderr.write("{} {}/{} false {}\n".format(record.name, *found))
    for database in DATABASES:
        hit, true, false = sum(
            (v for k, v in counts.items() if k.startswith(database + "/")),
            np.zeros(3, np.int64),
        )
        se, ppv = 100 * hit / max(true, 1), 100 * hit / max(hit + false, 1)
        sys.stderr.write(f"{database} Se {se:.1f} +P {ppv:.1f}\n")


def main() -> None:
    """Parse the arguments, cross-validate, fit on all, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--leave-out", type=int, help="fold of qrs_data.folds_of(…, 3)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    records, made = read(given.data), simulated(rng)
    if given.folds:
        validate(records, given.folds, made, rng)
    dealt = qrs_data.folds_of(given.data, 3)
    kept = [r for r in records if dealt.get(r.patient, -1) != given.leave_out]
    booster = fit(kept, made, rng)
    beats_train.export(booster, given.out, len(supraventricular_model.NAMES))


if __name__ == "__main__":
    main()
