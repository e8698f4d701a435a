"""What kind of beat each one is, and which morphologies a recording has.

Ventricular beats are told by a tree ensemble over `analytics.beat_features` (trained by
`analytics.training.beats_train`, patients apart). Supraventricular beats are told by
timing alone (`analytics.supraventricular_model`): they come early against the patient's
own slow rhythm, in a rhythm that is otherwise regular.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

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
from analytics.beat_features import Measures
from analytics.types import Beat, Ecg, Flags, QualityWindow, RPeaks
from analytics.vocabulary import Aami, Grade

BLOCK = 1024
"""Beats compared with each other: about a quarter of an hour."""
DOUBTFUL = -0.5
"""Log-odds below which a QRS may be noise: reported, but no rule may count it."""
_VENTRICULAR, _VENTRICULAR_IN_DOUBT = 0.33, 0.75
"""Mean of the two ensembles from which a beat is ventricular; and where answers waver,
which the live stream cannot tell yet."""
_UNSURE, _SURE = (0.1, 0.5), 0.8
_WAVERING = (0.4, 1.0)
"""Unsure answers for each sure one between which the limit rises."""
_FEW = 5
"""Sure answers taken for granted: a handful of unsure ones is no wavering."""
_AROUND = 2
"""Blocks on either side whose answers are weighed together: an hour or more in all."""
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
    seconds: quality.Seconds | None = None,
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
    seconds : quality.Seconds, optional
        From `quality.measure_seconds` on the same signal; saves measuring again where no
        sample is missing.

    Returns
    -------
    tuple of Beat

    Raises
    ------
    BadShape, BadSamplingRate
    """
    table = tabulate(
        ecg_mv, fs, r_peaks, quality_windows, evidence=evidence, seconds=seconds
    )
    return table.beats()


def tabulate(
    ecg_mv: Ecg,
    fs: float,
    r_peaks: RPeaks,
    quality_windows: tuple[QualityWindow, ...] = (),
    *,
    evidence: qrs.Evidence | None = None,
    seconds: quality.Seconds | None = None,
) -> BeatTable:
    """Classify as `classify_beats` does, into arrays (for recordings of a day)."""
    peaks = np.asarray(r_peaks, dtype=np.int64)
    known = examined(ecg_mv, fs, peaks, evidence=evidence)
    return judge(known, ecg_mv, quality_windows, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Examined:
    """Beats as measured, one row each, before a class is given to them."""

    fs: float
    segments: tuple[tuple[int, int], ...]
    """Stretches of signal without a hole: first sample, first sample after."""
    sample: RPeaks
    rr_s: NDArray[np.float64]
    """Seconds since the beat before in the same segment, else NaN."""
    qrs_logit: NDArray[np.float64]
    width_ms: NDArray[np.float64]
    ventricular: NDArray[np.float64]
    """Probability of a ventricular beat."""


def examined(
    ecg_mv: Ecg, fs: float, r_peaks: RPeaks, *, evidence: qrs.Evidence | None = None
) -> Examined:
    """Measure beats; what the network said of the whole signal is not needed after that.

    Shapes are cut out block by block: those of a day at once would fill 40 MB.
    """
    if evidence is None:
        evidence = qrs.examine(filters.one_lead(ecg_mv), fs)
    found = [_located(evidence.fs, segment, r_peaks) for segment in evidence.segments]
    sample = _column([one.sample for one in found]).astype(np.int64)
    rr_s = _column([one.rr_s for one in found])
    times = beat_features.timing(rr_s)
    widths, answers = [np.empty(0)], [np.empty(0)]
    for begin, end in blocks(sample.size):
        measures = _measured(found, begin, end)
        rows = beat_features.features(measures, times.part(begin, end))
        widths.append(measures.width_ms)
        answers.append(_answer("beats_v", rows))
    return Examined(
        evidence.fs,
        tuple((s.first_sample, s.end_sample) for s in evidence.segments),
        sample,
        rr_s,
        _column([one.logit for one in found]),
        np.concatenate(widths),
        _centred(np.concatenate(answers), ventricular_limits(answers[1:])),
    )


def ventricular_limits(answers: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Answer from which each beat is ventricular, from the answers of whole blocks.

    Where ventricular beats are, the trees are sure of most of them; where they waver more
    often than they are sure, it is noise or aberrant conduction that resembles them, and
    only the sure ones count.

    Parameters
    ----------
    answers : list of ndarray of float64, shape (n_beats_of_block,)
        0 to 1, in order of time.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
    """
    unsure = np.array([((p > _UNSURE[0]) & (p < _UNSURE[1])).sum() for p in answers])
    sure = np.array([(p > _SURE).sum() for p in answers])
    around = np.ones(2 * _AROUND + 1)
    near = slice(_AROUND, _AROUND + len(answers))
    wavers = np.convolve(unsure, around)[near] / (np.convolve(sure, around)[near] + _FEW)
    limit = np.interp(wavers, _WAVERING, (_VENTRICULAR, _VENTRICULAR_IN_DOUBT))
    return np.repeat(limit, [p.size for p in answers])


def judge(
    known: Examined,
    ecg_mv: Ecg,
    quality_windows: tuple[QualityWindow, ...] = (),
    *,
    seconds: quality.Seconds | None = None,
) -> BeatTable:
    """Say of measured beats what they are; parameters as in `classify_beats`."""
    ecg = filters.one_lead(ecg_mv)
    usable, quiet = _usable(ecg, known, quality_windows, seconds)
    usable &= known.qrs_logit > DOUBTFUL
    p_v = known.ventricular
    p_s = supraventricular_model.probability(known.rr_s, p_v > 0.5)
    aami = np.full(known.sample.size, Aami.N.value)
    aami[p_s > 0.5] = Aami.S.value
    aami[p_v > 0.5] = Aami.V.value
    return BeatTable(
        sample=known.sample,
        aami=aami,
        confidence=_confidence(known.qrs_logit, p_v, p_s),
        rr_ms=np.where(quiet, np.round(known.rr_s * 1000.0, 3), np.nan),
        wide=known.width_ms > WIDE_MS,
        usable=usable,
        qrs_ms=known.width_ms,
        ventricular=p_v,
    )


@dataclass(frozen=True, slots=True)
class _Located:
    """The beats of one segment and where they lie in its evidence."""

    segment: qrs.Segment
    sample: RPeaks
    place: NDArray[np.int64]
    logit: NDArray[np.float64]
    rr_s: NDArray[np.float64]


def _located(fs: float, segment: qrs.Segment, r_peaks: RPeaks) -> _Located:
    rate = filters.resampling(fs)
    inside = (r_peaks >= segment.first_sample) & (r_peaks < segment.end_sample)
    peaks = r_peaks[inside]
    place = np.round((peaks - segment.first_sample) * (rate.up / rate.down))
    place = place.astype(np.int64)
    cells = np.clip(place // qrs_stream.CELL, 0, max(segment.heat.size - 1, 0))
    rr_s = np.diff(peaks, prepend=peaks[:1]) / fs
    rr_s[:1] = np.nan
    return _Located(segment, peaks, place, _highest_near(segment.heat, cells), rr_s)


def _measured(found: Sequence[_Located], begin: int, end: int) -> Measures:
    """Measure some beats, counted through all segments."""
    parts, first = [beat_features.no_measures()], 0
    for one in found:
        low, high = max(begin - first, 0), min(end - first, one.place.size)
        if high > low:
            part = slice(low, high)
            s = one.segment
            parts.append(
                beat_features.measure(
                    s.grid, 0, s.ventricular, 0, one.place[part], one.logit[part]
                )
            )
        first += one.place.size
    return _stacked(parts)


def _column(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0), *parts])


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
    found = [_located(evidence.fs, segment, r_peaks) for segment in evidence.segments]
    sample = _column([one.sample for one in found]).astype(np.int64)
    measures = _measured(found, 0, sample.size)
    return measures, sample, _column([one.rr_s for one in found])


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
    known: Examined,
    windows: tuple[QualityWindow, ...],
    seconds: quality.Seconds | None,
) -> tuple[Flags, Flags]:
    """Tell which beats lie on grade A or B, and which intervals no noise interrupts."""
    peaks = known.sample
    usable = np.zeros(peaks.size, dtype=bool)
    quiet = np.zeros(peaks.size, dtype=bool)
    for first, end in known.segments:
        inside = (peaks >= first) & (peaks < end)
        part = ecg[first:end]
        measured = seconds if part.size == ecg.size else None
        if measured is None:
            measured = quality.measure_seconds(part, known.fs)
        good = quality.usable_seconds(measured)
        at = ((peaks[inside] - first) / known.fs).astype(np.int64)
        usable[inside], quiet[inside] = quality.beats_on(good, at)
    for window in windows:
        if window.grade is Grade.X:
            low, high = np.searchsorted(peaks, [window.first_sample, window.end_sample])
            usable[low:high] = False
    return usable, quiet


def probability(model: str, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Ask the two shipped tree ensembles; 0.5 is where a beat is called ventricular.

    One sees what the network thinks of the beat, the other only shape and timing: their
    errors differ, and the mean finds the beats of either.
    """
    answer = _answer(model, rows)
    return _centred(answer, np.full(answer.size, _VENTRICULAR))


def _answer(model: str, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of the two ensembles."""
    if not rows.shape[0]:
        return np.empty(0)
    blind = rows.copy()
    blind[:, beat_features.OPINION] = 0.0
    return 0.5 * (_asked(model, rows) + _asked(f"{model}_shape", blind))


def _centred(
    answer: NDArray[np.float64], limit: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move the log-odds so that 0.5 is the limit."""
    odds = np.log(np.clip(answer, 1e-6, 1 - 1e-6) / np.clip(1 - answer, 1e-6, 1.0))
    return np.asarray(1.0 / (1.0 + np.exp(np.log(limit / (1.0 - limit)) - odds)))


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
