"""What kind of beat each one is, and which morphologies a recording has.

Ventricular beats are told by a tree ensemble over `analytics.beat_features` (trained by
`analytics.training.beats_train`, patients apart). Supraventricular beats are told by
timing alone (`analytics.supraventricular_model`): they come early against the patient's
own slow rhythm, in a rhythm that is otherwise regular.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics import (
    _model,
    beat_features,
    filters,
    qrs,
    qrs_stream,
    quality,
    supraventricular_model,
)
from analytics.beat_features import Measures, Timing
from analytics.types import Beat, Ecg, Flags, QualityWindow, RPeaks
from analytics.vocabulary import Aami, Grade

BLOCK = 1024
"""Beats compared with each other: about a quarter of an hour."""
DOUBTFUL = -0.5
"""Log-odds below which a QRS may be noise: reported, but no rule may count it."""
_VENTRICULAR = 0.33
"""Mean of the two ensembles from which a beat is ventricular."""
WIDE_MS = 120.0
"""QRS duration from which a complex is wide (AHA/ACCF/HRS 2009, part III)."""


@dataclass(frozen=True, slots=True)
class BeatTable:
    """Beats of a recording as arrays, one row each."""

    sample: RPeaks
    aami: NDArray[np.str_]
    """One letter of `analytics.vocabulary.Aami`."""
    confidence: NDArray[np.float64]
    rr_ms: NDArray[np.float64]
    """NaN after a gap or noise and for the first beat."""
    wide: Flags
    usable: Flags
    qrs_ms: NDArray[np.float64]
    """QRS duration as far as one lead at 125 Hz tells."""
    ventricular: NDArray[np.float64]
    """Probability of a ventricular beat."""

    def beats(self) -> tuple[Beat, ...]:
        """Return the rows as values."""
        columns = zip(
            self.sample.tolist(),
            self.aami.tolist(),
            self.confidence.tolist(),
            self.rr_ms.tolist(),
            self.wide.tolist(),
            self.usable.tolist(),
            strict=True,
        )
        kinds = {kind.value: kind for kind in Aami}
        return tuple(
            Beat(sample, kinds[aami], sure, None if rr != rr else rr, wide, usable)
            for sample, aami, sure, rr, wide, usable in columns
        )


def classify_beats(
    ecg_mv: Ecg,
    fs: float,
    r_peaks: RPeaks,
    quality_windows: tuple[QualityWindow, ...] = (),
    *,
    evidence: qrs.Evidence | None = None,
) -> tuple[Beat, ...]:
    """Classify the beats of one lead.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN where a sample does not exist.
    fs : float
        Hz, 100 to 1000.
    r_peaks : ndarray of int64, shape (n_beats,)
        Strictly increasing.
    quality_windows : tuple of QualityWindow
        From `quality.assess_quality`; beats in a window graded X are not usable.
    evidence : qrs.Evidence, optional
        From `qrs.examine` on the same signal; saves running the network again.

    Returns
    -------
    tuple of Beat

    Raises
    ------
    BadShape, BadSamplingRate
    """
    return tabulate(ecg_mv, fs, r_peaks, quality_windows, evidence=evidence).beats()


def tabulate(
    ecg_mv: Ecg,
    fs: float,
    r_peaks: RPeaks,
    quality_windows: tuple[QualityWindow, ...] = (),
    *,
    evidence: qrs.Evidence | None = None,
) -> BeatTable:
    """Classify as `classify_beats` does, into arrays (for recordings of a day)."""
    ecg = filters.one_lead(ecg_mv)
    peaks = np.asarray(r_peaks, dtype=np.int64)
    evidence = qrs.examine(ecg, fs) if evidence is None else evidence
    measures, peaks, rr_s = measure_beats(evidence, peaks)
    usable, quiet = _usable(ecg, evidence, peaks, quality_windows)
    usable &= measures.qrs_logit > DOUBTFUL
    times = beat_features.timing(rr_s)
    p_v = ventricular_probability(measures, times)
    p_s = supraventricular_model.probability(rr_s, p_v > 0.5)
    aami = np.full(peaks.size, Aami.N.value)
    aami[p_s > 0.5] = Aami.S.value
    aami[p_v > 0.5] = Aami.V.value
    return BeatTable(
        sample=peaks,
        aami=aami,
        confidence=_confidence(measures.qrs_logit, p_v, p_s),
        rr_ms=np.where(quiet, np.round(rr_s * 1000.0, 3), np.nan),
        wide=measures.width_ms > WIDE_MS,
        usable=usable,
        qrs_ms=measures.width_ms,
        ventricular=p_v,
    )


def measure_beats(
    evidence: qrs.Evidence, r_peaks: RPeaks
) -> tuple[Measures, RPeaks, NDArray[np.float64]]:
    """Measure beats wherever they were found; drop those outside of all segments.

    Returns
    -------
    measures : Measures
    r_peaks : ndarray of int64
        Those that lie on signal.
    rr_s : ndarray of float64
        Seconds since the beat before in the same segment, else NaN.
    """
    measures = beat_features.no_measures()
    parts, kept, intervals = [measures], [], []
    rate = filters.resampling(evidence.fs)
    for segment in evidence.segments:
        inside = (r_peaks >= segment.first_sample) & (r_peaks < segment.end_sample)
        peaks = r_peaks[inside]
        place = np.round((peaks - segment.first_sample) * (rate.up / rate.down))
        place = place.astype(np.int64)
        cells = np.clip(place // qrs_stream.CELL, 0, max(segment.heat.size - 1, 0))
        logit = _highest_near(segment.heat, cells)
        parts.append(
            beat_features.measure(segment.grid, 0, segment.ventricular, 0, place, logit)
        )
        kept.append(peaks)
        intervals.append(np.diff(peaks, prepend=peaks[:1]) / evidence.fs)
        if peaks.size:
            intervals[-1][0] = np.nan
    if not kept:
        return measures, np.empty(0, np.int64), np.empty(0)
    return _stacked(parts), np.concatenate(kept), np.concatenate(intervals)


def _stacked(parts: list[Measures]) -> Measures:
    filled = [part for part in parts if part.size]
    if len(filled) == 1:
        return filled[0]  # the usual case; a day's shapes need not be there twice
    return Measures(
        np.concatenate([part.shape_mv for part in parts]),
        np.concatenate([part.qrs_logit for part in parts]),
        np.concatenate([part.ventricular for part in parts]),
        np.concatenate([part.width_ms for part in parts]),
    )


def _highest_near(
    heat: NDArray[np.float32], cells: NDArray[np.int64]
) -> NDArray[np.float64]:
    index = np.clip(cells[:, None] + np.arange(-3, 4), 0, max(heat.size - 1, 0))
    return heat[index].max(axis=1).astype(np.float64) if cells.size else np.empty(0)


def _usable(
    ecg: Ecg,
    evidence: qrs.Evidence,
    peaks: RPeaks,
    windows: tuple[QualityWindow, ...],
) -> tuple[Flags, Flags]:
    """Tell which beats lie on grade A or B, and which intervals no noise interrupts."""
    usable = np.zeros(peaks.size, dtype=bool)
    quiet = np.zeros(peaks.size, dtype=bool)
    for segment in evidence.segments:
        inside = (peaks >= segment.first_sample) & (peaks < segment.end_sample)
        part = ecg[segment.first_sample : segment.end_sample]
        good = quality.usable_seconds(quality.measure_seconds(part, evidence.fs))
        at = ((peaks[inside] - segment.first_sample) / evidence.fs).astype(np.int64)
        usable[inside], quiet[inside] = quality.beats_on(good, at)
    for window in windows:
        if window.grade is Grade.X:
            low, high = np.searchsorted(peaks, [window.first_sample, window.end_sample])
            usable[low:high] = False
    return usable, quiet


def ventricular_probability(
    measures: Measures, times: Timing, *, model: str = "beats_v"
) -> NDArray[np.float64]:
    """Probability that each beat is ventricular, block by block."""
    parts = [np.empty(0)]
    for begin, end in blocks(measures.size):
        part = Timing(
            times.before_s[begin:end],
            times.after_s[begin:end],
            times.reference_s[begin:end],
            times.irregularity[begin:end],
        )
        rows = beat_features.features(measures.part(begin, end), part)
        parts.append(probability(model, rows))
    return np.concatenate(parts)


def probability(model: str, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Ask the two shipped tree ensembles; 0.5 is where a beat is called ventricular.

    One sees what the network thinks of the beat, the other only shape and timing: their
    errors differ, and the mean finds the beats of either.
    """
    if not rows.shape[0]:
        return np.empty(0)
    blind = rows.copy()
    blind[:, beat_features.OPINION] = 0.0
    mean = 0.5 * (_asked(model, rows) + _asked(f"{model}_shape", blind))
    odds = np.log(np.clip(mean, 1e-6, 1 - 1e-6) / np.clip(1 - mean, 1e-6, 1.0))
    shift = np.log(_VENTRICULAR / (1.0 - _VENTRICULAR))
    return np.asarray(1.0 / (1.0 + np.exp(shift - odds)))


def _asked(model: str, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    answer = _model.load(model).run({"features": rows})["probabilities"]
    return np.asarray(answer[:, 1], dtype=np.float64)


def blocks(count: int) -> list[tuple[int, int]]:
    """Cut into blocks of about a thousand; a short rest joins the block before."""
    number = max(1, round(count / BLOCK))
    edges = np.linspace(0, count, number + 1).astype(int).tolist()
    return list(pairwise(edges))


def _confidence(
    qrs_logit: NDArray[np.float64], p_v: NDArray[np.float64], p_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Combine how sure it is that there is a beat, and of its kind."""
    doubt = np.maximum(1 - np.abs(2 * p_v - 1), 1 - np.abs(2 * p_s - 1))
    sure = 1.0 / (1.0 + np.exp(-np.clip(qrs_logit, -30, 30)))
    return np.asarray(np.round(sure * (1 - 0.5 * doubt), 4))


def confidence(
    qrs_logit: NDArray[np.float64], p_v: NDArray[np.float64], p_s: NDArray[np.float64]
) -> float:
    """Return the confidence of a single beat."""
    return float(_confidence(qrs_logit, p_v, p_s)[0])
