"""Atrial fibrillation from the intervals between beats."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics import _model
from analytics.rhythm_beats import BeatArrays, Floats, Span, mean_rate_bpm, runs_of
from analytics.rhythm_intervals import interval_features
from analytics.types import Episode, Flags
from analytics.vocabulary import Rhythm

ENTER: Final = 0.5  # probability that an episode must reach
FEWEST_BEATS: Final = 12  # fewer do not tell chance from order
STAY: Final = 0.5  # and that it must keep
EVEN_BEATS: Final = 9  # beats over which probability is evened
MIN_EPISODE_S: Final = 20.0  # s; half a minute less the borders' uncertainty
JOIN_S: Final = 20.0  # s; shorter interruptions do not end an episode
LONGEST_RR_S: Final = 6.0  # s; longer is a gap or asystole
REGULAR: Final = 0.04  # of the interval: median change that fibrillation always exceeds
ALWAYS_REGULAR: Final = 0.02  # of the interval; fibrillation never goes so steadily
VETO_SHARE: Final = 0.10  # of the beats ectopic before the veto speaks


def af_features(
    rr_s: Floats, ventricular: Flags, supraventricular: Flags, *, reviewed: bool
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Arrange the beats of a recording as the model wants them.

    Parameters
    ----------
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each beat, s; NaN where there is none (gap, noise, first beat).
    ventricular, supraventricular : ndarray of bool, shape (n_beats,)
        Classes of the beats.
    reviewed : bool
        A person has been over the classes. Only then are supraventricular beats shown
        to the model: a program calls many beats of fibrillation early, a person none.

    Returns
    -------
    positions : ndarray of int64, shape (n_rows,)
        Beats that the rows belong to.
    features : ndarray of float32, shape (n_rows, n_features)
        `interval_features` and, last, whether the classes were reviewed.
    """
    early = supraventricular if reviewed else np.zeros_like(supraventricular)
    positions, rows = interval_features(rr_s, ventricular, early)
    column = np.full((len(rows), 1), float(reviewed), dtype=np.float32)
    return positions, np.concatenate([rows, column], axis=1)


def af_probability(
    rr_s: Floats, ventricular: Flags, supraventricular: Flags, *, reviewed: bool = False
) -> Floats:
    """Say for each beat how likely it belongs to atrial fibrillation.

    Gradient-boosted trees over statistics of 24, 64 and 128 intervals around the beat
    (`analytics.rhythm_intervals`), held to be monotone where physiology says so, trained
    by `analytics.training.af_train` on whole days and on cuts down to 32 beats.

    Parameters
    ----------
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each beat, s; NaN where there is none.
    ventricular, supraventricular : ndarray of bool, shape (n_beats,)
        Classes of the beats; all False if they are not known.
    reviewed : bool
        A person has been over the classes.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        0 to 1; 0 for fewer than 12 beats.
    """
    if rr_s.size < FEWEST_BEATS:
        return np.zeros(rr_s.size)
    positions, rows = af_features(rr_s, ventricular, supraventricular, reviewed=reviewed)
    out = _model.load("af_rr").run({"features": rows})["probability"]
    return np.interp(np.arange(rr_s.size), positions, out.astype(np.float64).reshape(-1))


def find_atrial_fibrillation(
    beats: BeatArrays, *, reviewed: bool = False, probability: Floats | None = None
) -> list[Episode]:
    """Find episodes of atrial fibrillation.

    The model's answer, evened over nine beats, between two thresholds; then the veto:
    where intervals are regular once ectopic beats and their neighbours are set aside, it
    was the ectopy that was irregular (it makes nine of ten false alarms of this kind).

    Parameters
    ----------
    beats : BeatArrays
    reviewed : bool
        A person has been over the classes.
    probability : ndarray of float64, shape (n_beats,), optional
        From `af_probability`, if it is already known.

    Returns
    -------
    list of Episode
        ``AFIB`` in order of time, 20 s or longer; ``rr_irregularity`` (median change
        between intervals over the median interval, ectopy set aside), ``ectopy_share``,
        ``rate_bpm``, ``rr_ms`` (median) and ``beats`` in the evidence.
    """
    if len(beats) < 2:
        return []
    ventricular, early = beats.is_kind("V", "F"), beats.is_kind("S")
    rr_s = np.where(np.nan_to_num(beats.rr_s) > LONGEST_RR_S, np.nan, beats.rr_s)
    if probability is None:
        probability = af_probability(rr_s, ventricular, early, reviewed=reviewed)
    smooth = _evened(probability)
    ectopic = ventricular | (early if reviewed else np.zeros_like(early))
    gap = JOIN_S * beats.fs
    spans: list[Span] = []
    for first, end in runs_of(smooth > STAY):
        if smooth[first:end].max() < ENTER:
            continue
        span = (beats.before(first), beats.after(end - 1))
        if spans and span[0] - spans[-1][1] <= gap:
            span = (spans.pop()[0], span[1])
        spans.append(span)
    out: list[Episode] = []
    for onset, offset in spans:
        if offset - onset < MIN_EPISODE_S * beats.fs:
            continue
        i, j = np.searchsorted(beats.sample, [onset, offset])
        evidence = _evidence(rr_s[i:j], ectopic[i:j], ventricular[i:j] | early[i:j])
        irregularity = evidence["rr_irregularity"]
        ectopy_made_it = irregularity < REGULAR and evidence["ectopy_share"] > VETO_SHARE
        if ectopy_made_it or irregularity < ALWAYS_REGULAR:
            continue
        confidence = float(probability[i:j].mean())
        out.append(Episode(Rhythm.AFIB, onset, offset, confidence, evidence))
    return out


def _evened(probability: Floats) -> Floats:
    """Mean of the log odds over nine beats."""
    p = np.clip(probability, 1e-4, 1.0 - 1e-4)
    half = EVEN_BEATS // 2
    padded = np.pad(np.log(p / (1.0 - p)), half, mode="edge")
    total = np.concatenate([[0.0], np.cumsum(padded)])
    odds = (total[EVEN_BEATS:] - total[:-EVEN_BEATS]) / EVEN_BEATS
    even: Floats = 1.0 / (1.0 + np.exp(-odds))
    return even


def _evidence(rr_s: Floats, ectopic: Flags, counted: Flags) -> dict[str, float]:
    """Measure an episode; intervals at ectopic beats are set aside."""
    beside = ectopic.copy()
    beside[1:] |= ectopic[:-1]
    plain = np.where(beside, np.nan, rr_s)
    change = np.abs(np.diff(plain))
    change = change[np.isfinite(change)]
    known = rr_s[np.isfinite(rr_s)]
    kept = plain[np.isfinite(plain)]
    middle = float(np.median(kept)) if kept.size else 0.0
    irregular = float(np.median(change)) / middle if change.size and middle else 0.0
    return {
        "beats": float(rr_s.size),
        "rate_bpm": mean_rate_bpm(rr_s),
        "rr_ms": 1000.0 * float(np.median(known)) if known.size else 0.0,
        "rr_irregularity": irregular,
        "ectopy_share": float(counted.mean()) if counted.size else 0.0,
    }
