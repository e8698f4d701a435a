"""Train the atrial fibrillation model: ``python -m analytics.training.af_train``.

Training only: needs ``lightgbm`` and ``onnx``. With ``--folds`` it also measures across
patients: each record is judged by a model that saw none of its patient.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from analytics.rhythm_af import af_features
from analytics.rhythm_intervals import NAMES, WIDTHS
from analytics.training.af_data import (
    AF,
    UNKNOWN,
    BeatRecord,
    Cut,
    read_records,
    take,
    vary,
)
from analytics.training.af_simulate import simulate
from analytics.training.rhythm_onnx import trees_to_onnx

LENGTHS = (32, 64, 128, 300, 600)  # beats of a cut
CUTS_OF_A_DAY, CUTS_OF_A_SHORT = 40, 12
ROWS_OF_A_RECORD = 1500  # of the whole record, uncut
SIMULATED_CUTS = 500
MOST_WEIGHT = 1200.0  # rows that one record and class may weigh
ROUNDS = 150
# More change between beats speaks for fibrillation; steadiness and ectopy against it.
MONOTONE = {
    "change": 1,
    "small_change": 1,
    "steady_share": -1,
    "early": -1,
    "ventricular": -1,
}
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "num_leaves": 12,
    "learning_rate": 0.05,
    "min_data_in_leaf": 150,
    "lambda_l2": 10,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "num_threads": 1,
    "verbose": -1,
    "seed": 1,
    "monotone_constraints": [MONOTONE.get(name, 0) for _ in WIDTHS for name in NAMES] + [0],
}


@dataclass
class Rows:
    """Examples of one patient."""

    patient: str
    features: NDArray[np.float32]
    label: NDArray[np.int8]
    weight: NDArray[np.float64]


def rows_of(cut: Cut | BeatRecord, *, reviewed: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features and labels of the beats that the model is asked about."""
    positions, features = af_features(
        cut.rr_s, cut.ventricular, cut.supraventricular, reviewed=reviewed
    )
    return features, cut.label[positions]


def _cut(record: BeatRecord, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Take a cut, half of the time in fibrillation, as one of three judges shows it."""
    n = record.samples.size
    length = min(int(rng.choice(LENGTHS)), n)
    wanted = AF if rng.random() < 0.5 and (record.label == AF).any() else 0
    index = np.flatnonzero(record.label == wanted)
    middle = int(rng.choice(index)) if index.size else int(rng.integers(0, n))
    first = int(np.clip(middle - rng.integers(0, length), 0, n - length))
    cut = take(record, first, length)
    if rng.random() < 0.7:
        cut = vary(cut, rng)
    judge = rng.random()
    if judge < 0.12:  # nobody called the beats
        cut.ventricular[:] = False
    elif judge < 0.6:  # a program did, and missed some
        cut.ventricular &= rng.random(length) > 0.1
    return rows_of(cut, reviewed=judge >= 0.6)


def examples(record: BeatRecord, rng: np.random.Generator) -> Rows:
    """Collect the examples of one record.

    Parameters
    ----------
    record : BeatRecord
    rng : numpy.random.Generator
        Randomness.

    Returns
    -------
    Rows
    """
    is_day = record.samples.size > 20_000
    parts = [_cut(record, rng) for _ in range(CUTS_OF_A_DAY if is_day else CUTS_OF_A_SHORT)]
    for reviewed in (False, True):
        features, label = rows_of(record, reviewed=reviewed)
        some = rng.permutation(len(features))[:ROWS_OF_A_RECORD]
        parts.append((features[some], label[some]))
    features = np.concatenate([p[0] for p in parts])
    label = np.concatenate([p[1] for p in parts])
    features, label = features[label != UNKNOWN], label[label != UNKNOWN]
    weight = np.ones(label.size)
    for kind in (0, AF):
        count = int((label == kind).sum())
        weight[label == kind] = min(1.0, MOST_WEIGHT / max(count, 1))
    return Rows(record.patient, features, label, weight)


def simulated(rng: np.random.Generator) -> Rows:
    """Collect examples of simulated rhythms."""
    parts = []
    for _ in range(SIMULATED_CUTS):
        cut = vary(simulate(int(rng.choice(LENGTHS[:4])), rng), rng)
        parts.append(rows_of(cut, reviewed=bool(rng.random() < 0.4)))
    features = np.concatenate([p[0] for p in parts])
    label = np.concatenate([p[1] for p in parts])
    features, label = features[label != UNKNOWN], label[label != UNKNOWN]
    return Rows("simulated", features, label, np.full(label.size, 0.2))


def fit(rows: Sequence[Rows]) -> Any:
    """Fit the trees; both classes weigh the same."""
    features = np.concatenate([r.features for r in rows])
    label = np.concatenate([r.label for r in rows])
    weight = np.concatenate([r.weight for r in rows])
    is_af = label == AF
    weight[is_af] *= weight[~is_af].sum() / weight[is_af].sum()
    data = lightgbm.Dataset(features, is_af, weight=weight)
    return lightgbm.train(dict(PARAMETERS), data, num_boost_round=ROUNDS)


def main() -> None:
    """Train on everything, or measure across patients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ecg", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--predictions", type=Path, help="folder for fold predictions")
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--without", help="database that the model must not see")
    args = parser.parse_args()
    records = list(read_records(args.ecg))
    patients = sorted({r.patient for r in records})
    np.random.default_rng(0).shuffle(patients)
    rng = np.random.default_rng(5)
    rows = [*(examples(r, rng) for r in records), simulated(rng)]
    for fold in range(args.folds):
        out = set(patients[fold :: args.folds])
        model = fit([r for r in rows if r.patient not in out])
        for record in records:
            if record.patient in out:
                _write(args.predictions, record, model)
        sys.stdout.write(json.dumps({"fold": fold, "left_out": sorted(out)}) + "\n")
        sys.stdout.flush()
    if args.out:
        kept = [r for r in rows if r.patient.partition("/")[0] != args.without]
        model = fit(kept)
        width = rows[0].features.shape[1]
        args.out.write_bytes(trees_to_onnx(model.dump_model(), width, "probability"))


def _write(folder: Path, record: BeatRecord, model: Any) -> None:
    """Keep the left-out answer for each beat."""
    answers = {}
    for name, reviewed in (("plain", False), ("reviewed", True)):
        positions, features = af_features(
            record.rr_s, record.ventricular, record.supraventricular, reviewed=reviewed
        )
        every = np.arange(record.samples.size)
        answers[name] = np.interp(every, positions, model.predict(features))
    np.savez(folder / f"{record.name.replace('/', '_')}.npz", **answers)


if __name__ == "__main__":
    main()
