"""Weigh the reasons for and against doubtful complexes (`analytics.qrs_doubt`).

Run ``python -m analytics.training.qrs_doubt_train DATA K=FOLD_K.onnx …`` with networks that
have not seen fold K (see `qrs_net`): what a network doubts in patients whom it knows is
not what it doubts in strangers. Leads come as they are and with noise. It writes the
weights, first without each fold, then of all; those of all go into `qrs_doubt` by hand.
It needs scikit-learn.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from analytics import filters, qrs, qrs_doubt
from analytics.training import noise, qrs_data
from analytics.training.beats_train import use_network

DATABASES = ("mitdb", "qtdb", "cpsc2021")
NOISY_COPIES = 3
BLOCK = 1536
_TOLERANCE = 0.15 * filters.GRID_HZ
_VF = 2
MOST_WEIGHT = 300.0
"""Rows that one lead may weigh."""
NOISY_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Rows:
    """Doubtful candidates of one lead."""

    name: str
    fold: int
    noisy: bool
    weighed: NDArray[np.float64]
    is_beat: NDArray[np.bool_]


class _Listener:
    """Keeps what the detector finds out about doubtful candidates."""

    def __init__(self) -> None:
        self._reasons_of = qrs_doubt.reasons_of
        self.found: list[qrs_doubt.Complexes] = []
        self.asked: list[NDArray[np.int64]] = []
        self.weighed: list[NDArray[np.float64]] = []

    def __call__(
        self, view: qrs_doubt.View, found: qrs_doubt.Complexes, every: qrs_doubt.Complexes
    ) -> qrs_doubt.Reasons:
        reasons = self._reasons_of(view, found, every)
        self.found.append(found)
        self.asked.append(found.place[reasons.index])
        self.weighed.append(reasons.weighed)
        return reasons

    def listen(self, ecg_mv: NDArray[np.float64]) -> None:
        """Run the detector over a lead on its grid."""
        vars(qrs_doubt)["reasons_of"] = self
        try:
            qrs.examine(ecg_mv, float(filters.GRID_HZ))
        finally:
            vars(qrs_doubt)["reasons_of"] = self._reasons_of


def _truth(
    record: qrs_data.Labelled, places: NDArray[np.int64], logits: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Places of the candidates that are beats: of those near one, the surest."""
    true = []
    for at in record.beats:
        low, high = np.searchsorted(places, [at - _TOLERANCE, at + _TOLERANCE])
        if high > low:
            true.append(int(places[low + int(logits[low:high].argmax())]))
    return np.array(sorted(set(true)), np.int64)


def _noisy(
    lead: NDArray[np.float64], pool: list[NDArray[np.float32]], rng: np.random.Generator
) -> NDArray[np.float64]:
    scale = float(np.median(filters.second_ranges(lead)))
    out = lead.copy()
    for begin in range(0, lead.size - BLOCK, BLOCK):
        if rng.random() < 0.6:
            loud = scale * 10 ** rng.uniform(-1.6, -0.2)
            out[begin : begin + BLOCK] += loud * noise.draw(rng, pool, BLOCK)
    return out


def collect(
    folder: Path, fold: int, dealt: dict[str, int], pool: list[NDArray[np.float32]]
) -> Iterator[Rows]:
    """Describe the doubtful candidates of the patients of one fold."""
    rng = np.random.default_rng(fold)
    for record in qrs_data.read_all(folder, DATABASES):
        if dealt[record.patient] != fold or not record.has_beats:
            continue
        for number, lead in enumerate(record.leads.astype(np.float64)):
            for copy in range(1 + NOISY_COPIES):
                ecg = _noisy(lead, pool, rng) if copy else lead
                listener = _Listener()
                listener.listen(ecg)
                true = _truth(
                    record,
                    np.concatenate([found.place for found in listener.found]),
                    np.concatenate([found.logit for found in listener.found]),
                )
                asked = np.concatenate(listener.asked)
                known = record.rhythm[np.minimum(asked, record.rhythm.size - 1)] != _VF
                yield Rows(
                    f"{record.database}/{record.name}/{number}",
                    fold,
                    bool(copy),
                    np.concatenate(listener.weighed)[known],
                    np.isin(asked, true)[known],
                )


def fit(rows: list[Rows]) -> tuple[NDArray[np.float64], float]:
    """Fit; one lead may not weigh more than `MOST_WEIGHT` rows.

    Returns
    -------
    ndarray of float64, shape (len(NAMES),)
    float
        Offset.
    """
    weights = []
    for part in rows:
        weight = min(1.0, MOST_WEIGHT / max(part.is_beat.size, 1))
        weights.append(
            np.full(part.is_beat.size, weight * (NOISY_WEIGHT if part.noisy else 1.0))
        )
    model = LogisticRegression(max_iter=500).fit(
        np.concatenate([part.weighed for part in rows]),
        np.concatenate([part.is_beat for part in rows]),
        np.concatenate(weights),
    )
    return model.coef_[0], float(model.intercept_[0])


def main() -> None:
    """Parse the arguments, collect, cross-validate, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", nargs="+", help="fold=file.onnx")
    given = parser.parse_args()
    dealt = qrs_data.folds_of(given.data, 3)
    pool = noise.noise_pool(given.data)
    rows: list[Rows] = []
    for text in given.networks:
        fold, _, path = text.partition("=")
        use_network(Path(path))
        rows += collect(given.data, int(fold), dealt, pool)
    for fold in sorted({part.fold for part in rows}):
        _validate(rows, fold)
    _write("all", *fit(rows))


def _write(name: str, weights: NDArray[np.float64], offset: float) -> None:
    line = dict(zip(qrs_doubt.NAMES, weights.round(2).tolist(), strict=True))
    sys.stdout.write(json.dumps({"rows": name, **line, "offset": round(offset, 2)}) + "\n")


def _validate(rows: list[Rows], fold: int) -> None:
    """Write the weights without one fold, and errors in its first leads as they are."""
    others = [part for part in rows if part.fold != fold]
    if not others:
        return
    weights, offset = fit(others)
    _write(f"without {fold}", weights, offset)
    counts: dict[str, list[int]] = {}
    for part in rows:
        if part.fold != fold or not part.name.endswith("/0"):
            continue
        database = part.name.partition("/")[0] + (" with noise" if part.noisy else "")
        odds = part.weighed @ weights + offset
        answers = {"network": part.weighed[:, 0] > qrs_doubt.PLAIN}
        answers |= {f"{limit}": odds > limit for limit in (-1.0, -0.5, 0.0, 0.5)}
        for name, said in answers.items():
            count = counts.setdefault(f"{database}, {name}", [0, 0])
            count[0] += int((~said & part.is_beat).sum())
            count[1] += int((said & ~part.is_beat).sum())
    for name, (missed, false) in sorted(counts.items()):
        sys.stdout.write(f"{fold} {name}: missed {missed}, false {false}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
