"""Train the fibrillation score: ``python -m analytics.training.rhythm_vf``.

Training only: needs ``lightgbm`` and ``onnx``. With ``--folds FOLDER`` it writes, for each
record that holds fibrillation or flutter, a model that has not seen it.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import wfdb
from numpy.typing import NDArray

from analytics.rhythm_waveform import (
    FEATURES,
    WINDOW_S,
    cut_windows,
    peak_to_peak_mv,
    window_features,
)
from analytics.training.rhythm_onnx import trees_to_onnx

DATABASES: Final = ("vfdb", "cudb", "mitdb", "qtdb", "nstdb", "cpsc2021", "cinc2017")
FIBRILLATION: Final = frozenset({"VF", "VFIB", "VFL"})
# Tachycardia reaches from plain broad beats to flutter: it teaches neither side.
NEUTRAL: Final = frozenset({"VT"})
PURE: Final = 0.9  # share of a window that one rhythm must fill to teach
LOWEST_MV: Final = 0.03  # mV; flatter windows teach nothing
MOST_WEIGHT: Final = {True: 400.0, False: 300.0}  # windows one record and class may weigh
ROUNDS: Final = 120
PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.06,
    "min_data_in_leaf": 100,
    "lambda_l2": 5,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "feature_fraction": 0.4,
    "num_threads": 1,
    "verbose": -1,
    "seed": 1,
}


@dataclass
class Windows:
    """Windows of one record, both leads."""

    record: str
    features: NDArray[np.float32]
    fibrillation: NDArray[np.bool_]
    weight: NDArray[np.float64]


def read_windows(ecg: Path) -> Iterator[Windows]:
    """Read the windows of all records of the shared folder.

    Parameters
    ----------
    ecg : Path
        Folder that holds the databases.

    Yields
    ------
    Windows
        Only those that teach: one rhythm, not flat, not ventricular tachycardia.
    """
    for database in DATABASES:
        for header in sorted((ecg / database).glob("*.hea")):
            windows = _read(header.with_suffix(""))
            if windows is not None:
                yield windows


def rhythm_of_samples(path: Path, n_samples: int) -> NDArray[np.str_]:
    """Rhythm label of each sample, ``N`` where nothing is said."""
    label = np.full(n_samples, "N", dtype="<U6")
    if not path.with_suffix(".atr").exists():
        return label
    ann = wfdb.rdann(str(path), "atr")
    changes = [
        (int(s), aux.strip("\x00").lstrip("(") or "N")
        for s, symbol, aux in zip(ann.sample, ann.symbol, ann.aux_note, strict=True)
        if symbol == "+"
    ]
    for start, rhythm in changes:
        label[start:] = rhythm
    onset = None
    for sample, symbol in zip(ann.sample, ann.symbol, strict=True):
        if symbol == "[":
            onset = int(sample)
        elif symbol == "]" and onset is not None:
            label[onset : int(sample)] = "VFL"
            onset = None
    return label


def _read(path: Path) -> Windows | None:
    record = wfdb.rdrecord(str(path))
    fs = float(record.fs)
    signal = np.nan_to_num(record.p_signal)
    length = round(WINDOW_S * fs)
    if len(signal) < length:
        return None
    label = rhythm_of_samples(path, len(signal))
    starts = np.floor(np.arange((len(signal) - length) // fs + 1) * fs).astype(np.int64)
    kinds, counts = _main_kind(label, starts, length, fs)
    teaches = (counts >= PURE) & ~np.isin(kinds, list(NEUTRAL))
    parts = []
    for lead in signal.T[:2]:
        windows = cut_windows(np.ascontiguousarray(lead), fs, starts)
        kept = teaches & (peak_to_peak_mv(windows) > LOWEST_MV)
        is_vf = np.isin(kinds[kept], list(FIBRILLATION))
        parts.append((window_features(windows[kept]).astype(np.float32), is_vf))
    features = np.concatenate([p[0] for p in parts])
    fibrillation = np.concatenate([p[1] for p in parts])
    weight = np.ones(fibrillation.size)
    for kind in (True, False):
        count = int((fibrillation == kind).sum())
        weight[fibrillation == kind] = min(
            2.0 if kind else 1.0, MOST_WEIGHT[kind] / max(count, 1)
        )
    return Windows(f"{path.parent.name}/{path.name}", features, fibrillation, weight)


def _main_kind(
    label: NDArray[np.str_], starts: NDArray[np.int64], length: int, fs: float
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Commonest label of each window and the share of the window that it fills."""
    kinds, shares = [], []
    for start in starts:
        names, counts = np.unique(
            label[start : start + length : max(1, int(fs / 10))], return_counts=True
        )
        kinds.append(names[counts.argmax()])
        shares.append(counts.max() / counts.sum())
    return np.array(kinds), np.array(shares)


def fit(windows: Sequence[Windows]) -> bytes:
    """Fit the trees and write them as ONNX."""
    data = lightgbm.Dataset(
        np.concatenate([w.features for w in windows]),
        np.concatenate([w.fibrillation for w in windows]),
        weight=np.concatenate([w.weight for w in windows]),
    )
    model = lightgbm.train(dict(PARAMETERS), data, num_boost_round=ROUNDS)
    return trees_to_onnx(model.dump_model(), len(FEATURES), "likeness")


def main() -> None:
    """Train on everything, and on everything but each record with fibrillation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ecg", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=Path)
    args = parser.parse_args()
    windows = list(read_windows(args.ecg))
    args.out.write_bytes(fit(windows))
    if args.folds is None:
        return
    args.folds.mkdir(parents=True, exist_ok=True)
    for left_out in (w.record for w in windows if w.record.startswith(("vfdb", "cudb"))):
        content = fit([w for w in windows if w.record != left_out])
        (args.folds / f"{left_out.split('/')[1]}.onnx").write_bytes(content)


if __name__ == "__main__":
    main()
