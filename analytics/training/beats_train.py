"""Train the two tree ensembles that tell ventricular beats (whole record, and live).

Run ``python -m analytics.training.beats_train DATA OUT K=FOLD_K.onnx …`` with networks
that have not seen fold K (see `qrs_net`), so that the network's opinion is worth on the
training records what it is worth on a stranger. ``K~FILE.onnx`` admits a network that has
seen fold K: its opinion is then blurred. Of each of the two, one ensemble is fitted with
and one without that opinion. It needs lightgbm and onnxmltools.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm
import numpy as np
import wfdb
from numpy.typing import NDArray
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import (
    FloatTensorType,
)

from analytics import _model, beat_features, beats, qrs
from analytics.beat_features import Timing
from analytics.training import qrs_data

_TOLERANCE_S = 0.15
_LIVE_STRIDE = 5
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "verbosity": -1,
    "seed": 1,
}
ROUNDS = 250
_LOGIT, _PEAK, *_ = beat_features.OPINION


@dataclass(frozen=True, slots=True)
class Rows:
    """Beats of one lead of one record."""

    record: str
    fold: int
    lead: int
    classes: NDArray[np.int64]
    full: NDArray[np.float32]
    live: NDArray[np.float32]
    live_index: NDArray[np.int64]


def use_network(path: Path) -> None:
    """Let the detector run another network than the shipped one."""
    session = _model.Session("qrs", path.read_bytes())
    shipped = _model.load

    def load(name: str) -> _model.Session:
        return session if name == "qrs" else shipped(name)

    vars(_model)["load"] = load


def truth(folder: Path, database: str, name: str) -> tuple[NDArray[np.int64], ...]:
    """Read beat positions and classes."""
    note = wfdb.rdann(str(folder / database / name), "atr")
    kept = [i for i, symbol in enumerate(note.symbol) if symbol in qrs_data.CLASS_OF]
    classes = [qrs_data.CLASS_OF[note.symbol[i]] for i in kept]
    return note.sample[kept].astype(np.int64), np.array(classes, dtype=np.int64)


def label(
    peaks: NDArray[np.int64],
    samples: NDArray[np.int64],
    classes: NDArray[np.int64],
    fs: float,
) -> NDArray[np.int64]:
    """Class of the nearest reference beat within 150 ms, -1 if there is none."""
    if not samples.size or not peaks.size:
        return np.full(peaks.size, -1)
    right = np.clip(np.searchsorted(samples, peaks), 1, samples.size - 1)
    nearest = np.where(
        np.abs(samples[right] - peaks) < np.abs(samples[right - 1] - peaks),
        right,
        right - 1,
    )
    close = np.abs(samples[nearest] - peaks) <= _TOLERANCE_S * fs
    return np.where(close, classes[nearest], -1)


def live_rows(
    measures: beat_features.Measures, rr_s: NDArray[np.float64], index: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Features as the live stream sees them: the last 128 beats and nothing later."""
    rows = []
    for at in index.tolist():
        low = max(0, at - 127)
        times = beat_features.timing(rr_s[low : at + 1], next_known=False)
        rows.append(beat_features.features(measures.part(low, at + 1), times)[-1])
    return np.array(rows, dtype=np.float32).reshape(-1, len(beat_features.NAMES))


def collect(folder: Path, fold: int, dealt: dict[str, int]) -> list[Rows]:
    """Measure all beats of the records of one fold, each lead by itself."""
    out = []
    for database in ("mitdb", "qtdb"):
        for path in sorted((folder / database).glob("*.atr")):
            name = path.stem
            if dealt[qrs_data.patient_of(database, name)] != fold:
                continue
            record = wfdb.rdrecord(str(folder / database / name))
            samples, classes = truth(folder, database, name)
            for lead in range(record.n_sig):
                evidence = qrs.examine(record.p_signal[:, lead], record.fs)
                measures, peaks, rr_s = beats.measure_beats(evidence, evidence.r_peaks)
                times = beat_features.timing(rr_s)
                full = [
                    beat_features.features(
                        measures.part(a, b),
                        Timing(
                            times.before_s[a:b],
                            times.after_s[a:b],
                            times.reference_s[a:b],
                            times.irregularity[a:b],
                        ),
                    )
                    for a, b in beats.blocks(measures.size)
                ]
                kinds = label(peaks, samples, classes, record.fs)
                odd = np.flatnonzero((kinds == 1) | (kinds == 2))
                index = np.union1d(odd, np.arange(lead, peaks.size, _LIVE_STRIDE))
                index = index[index < peaks.size]
                out.append(
                    Rows(
                        f"{database}/{name}",
                        fold,
                        lead,
                        kinds,
                        np.concatenate(full),
                        live_rows(measures, rr_s, index),
                        index,
                    )
                )
            sys.stderr.write(f"{fold} {name} {peaks.size}\n")
    return out


def blurred(rows: list[Rows], rng: np.random.Generator) -> list[Rows]:
    """Make the opinion of a network that knows the answers as unsure as a stranger's."""
    out = []
    for part in rows:
        tables = []
        for table in (part.full.copy(), part.live.copy()):
            table[:, list(beat_features.OPINION[:-1])] *= 0.8
            table[:, [_LOGIT, _PEAK]] += rng.normal(0.0, 0.7, (table.shape[0], 1))
            tables.append(table)
        out.append(replace(part, full=tables[0], live=tables[1]))
    return out


def blind(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the network's opinion out."""
    table = table.copy()
    table[:, beat_features.OPINION] = 0.0
    return table


def fit(rows: list[Rows], *, live: bool, shape_only: bool) -> lightgbm.Booster:
    """Fit; every record counts for the root of its beats, and each class within it."""
    tables, labels, weights = [], [], []
    for part in rows:
        kinds = part.classes[part.live_index] if live else part.classes
        table = part.live if live else part.full
        table = blind(table) if shape_only else table
        known = (kinds >= 0) & (kinds != qrs_data.OTHER)
        target = (kinds[known] == qrs_data.VENTRICULAR).astype(float)
        weight = np.ones(target.size)
        for value in (0.0, 1.0):
            share = target == value
            if share.sum() > 200:
                weight[share] = 200.0 / share.sum()
        weight[target == 1] *= 1.5
        tables.append(table[known])
        labels.append(target)
        weights.append(weight)
    data = lightgbm.Dataset(
        np.concatenate(tables), np.concatenate(labels), weight=np.concatenate(weights)
    )
    return lightgbm.train(PARAMETERS, data, ROUNDS)


def score(rows: list[Rows], answers: list[NDArray[np.float64]], limit: float) -> str:
    """Gross V sensitivity and predictivity (first leads, F and Q excused)."""
    hit = missed = false = 0
    worst = []
    for part, p_v in zip(rows, answers, strict=True):
        said = p_v > limit
        true = part.classes == qrs_data.VENTRICULAR
        excused = (part.classes == qrs_data.OTHER) | (part.classes < 0)
        counts = (said & true).sum(), (~said & true).sum(), (said & ~true & ~excused).sum()
        hit, missed, false = hit + counts[0], missed + counts[1], false + counts[2]
        if counts[1] + counts[2] > 25:
            worst.append((part.record, *map(int, counts)))
    return json.dumps(
        {
            "limit": limit,
            "se": round(100 * hit / max(hit + missed, 1), 2),
            "ppv": round(100 * hit / max(hit + false, 1), 2),
            "worst": worst,
        }
    )


def export(booster: lightgbm.Booster, path: Path, width: int) -> None:
    """Write ONNX: ``features`` of a width in, ``probabilities`` out."""
    onnx = convert_lightgbm(
        booster,
        initial_types=[("features", FloatTensorType([None, width]))],
        zipmap=False,
        target_opset=15,
    )
    path.write_bytes(onnx.SerializeToString())


def main() -> None:
    """Parse the arguments, collect, cross-validate, fit on all, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("networks", nargs="+", help="fold=file.onnx")
    parser.add_argument("--leave-out", type=int)
    given = parser.parse_args()
    dealt = qrs_data.folds_of(given.data, 3)
    rng = np.random.default_rng(1)
    rows: list[Rows] = []
    strangers: set[int] = set()
    for text in given.networks:
        fold, seen, path = text.partition("~") if "~" in text else text.partition("=")
        use_network(Path(path))
        found = collect(given.data, int(fold), dealt)
        strangers |= set() if seen == "~" else {int(fold)}
        rows += blurred(found, rng) if seen == "~" else found
    for live in (False, True):
        for fold in sorted(strangers):
            validate(rows, fold, live=live)
    rows = [part for part in rows if part.fold != given.leave_out]
    for live in (False, True):
        ending = "_live" if live else ""
        for shape_only, name in ((False, ""), (True, "_shape")):
            path = given.out / f"beats_v{ending}{name}.onnx"
            booster = fit(rows, live=live, shape_only=shape_only)
            export(booster, path, len(beat_features.NAMES))


def validate(rows: list[Rows], fold: int, *, live: bool) -> None:
    """Write the scores of one fold by ensembles that have not seen it."""
    others = [part for part in rows if part.fold != fold]
    if not others:
        return
    whole = fit(others, live=live, shape_only=False)
    shape = fit(others, live=live, shape_only=True)
    for database in ("mitdb", "qtdb"):
        tested, answers = [], []
        for part in rows:
            if part.fold != fold or part.lead or not part.record.startswith(database):
                continue
            table = part.live if live else part.full
            # Live: every third beat and all ectopic ones, so predictivity reads low.
            shown = part.classes[part.live_index] if live else part.classes
            tested.append(replace(part, classes=shown))
            answer = whole.predict(table) + shape.predict(blind(table))
            answers.append(np.asarray(answer) / 2.0)
        for limit in (0.25, 0.35, 0.5):
            line = score(tested, answers, limit)
            sys.stderr.write(f"{'live' if live else 'full'} {fold} {database} {line}\n")


if __name__ == "__main__":
    main()
