"""ST level per lead against the patient's own reference, and episodes of change.

An episode is 1 x 1 x 1: at least 0.1 mV from the reference, for at least one minute, one
minute apart from the next.
"""

from dataclasses import dataclass

import numpy as np

from analytics.holter_beats import Clock, Flags, Floats, Ints
from analytics.holter_values import StEpisode, StLead
from analytics.types import Ecg

STEP_S = 10.0  # s, one ST level: the median of this stretch (own)
MIN_BEATS = 3  # beats of one level (own)
LEVEL_WIDTH_S = 0.016  # s averaged at the point of measurement (own)
PR_WIDTH_S = 0.020  # s averaged in the PR segment (own)
CHANGE_MV = 0.1  # mV (report definition 8)
LAST_S = 60.0  # s an episode lasts and is apart (report definition 8)
REFERENCE_S = 300.0  # s, first stable stretch (report definition 8)
EC57_REFERENCE_S = 30.0  # s (ANSI/AAMI EC57)
STABLE_IQR_MV = 0.05  # mV between quartiles of a stable reference (own)
STABLE_SHARE = 0.8  # of the reference's levels must be measured (own)
POSITION_STEP_S = 20.0  # s: a change this sudden, with a new R height, is a turn in bed
POSITION_R_SHARE = 0.15  # change of R height that goes with a turn (own)


@dataclass(frozen=True, slots=True)
class StSeries:
    """ST level of one lead every 10 s; NaN where not measured, shape (k,)."""

    lead: str
    level_mv: Floats
    slope_mv_per_s: Floats
    r_mv: Floats


def st_series(
    lead: str,
    ecg_mv: Ecg,
    fs: float,
    sample: Ints,
    chosen: Flags,
    offsets_ms: tuple[float, float],
    point_ms: float,
) -> StSeries:
    """Measure the ST level of every chosen beat and take 10-s medians.

    Parameters
    ----------
    lead : str
    ecg_mv : ndarray, shape (n_samples,)
    fs : float
    sample : ndarray of int64, shape (n_beats,)
    chosen : ndarray of bool, shape (n_beats,)
        Normal beats in clean signal.
    offsets_ms : (float, float)
        QRS onset and J after R, of this lead's median beat; the onset is negative.
    point_ms : float
        Time after J of the measurement, 60 or 80 ms.

    Returns
    -------
    StSeries
        Level above the PR segment (the 20 ms before the QRS onset), and slope from J to
        the point of measurement.
    """
    n_steps = int(np.ceil(len(ecg_mv) / (STEP_S * fs)))
    onset_ms, j_ms = offsets_ms
    reach = round((abs(onset_ms) + j_ms + point_ms + 100.0) / 1000.0 * fs)
    at = sample[chosen & (sample > reach) & (sample < len(ecg_mv) - reach)]
    pr = _mean_at(ecg_mv, at, (onset_ms / 1000.0 - PR_WIDTH_S / 2.0) * fs, PR_WIDTH_S * fs)
    point = _mean_at(ecg_mv, at, (j_ms + point_ms) / 1000.0 * fs, LEVEL_WIDTH_S * fs)
    # The mean just after J, not around it: before J is the QRS.
    late_s = LEVEL_WIDTH_S / 2.0
    j = _mean_at(ecg_mv, at, (j_ms / 1000.0 + late_s) * fs, LEVEL_WIDTH_S * fs)
    step = (at / (STEP_S * fs)).astype(np.int64)
    return StSeries(
        lead=lead,
        level_mv=_medians(point - pr, step, n_steps),
        slope_mv_per_s=_medians((point - j) / (point_ms / 1000.0 - late_s), step, n_steps),
        r_mv=_medians(ecg_mv[at] - pr, step, n_steps),
    )


def _mean_at(ecg_mv: Ecg, at: Ints, offset: float, width: float) -> Floats:
    half = max(0, round(width / 2.0))
    columns = round(offset) + np.arange(-half, half + 1)
    mean: Floats = ecg_mv[at[:, None] + columns].mean(axis=1)
    return mean


def _medians(values: Floats, step: Ints, n_steps: int) -> Floats:
    """Median of the finite values of each step; NaN below three."""
    medians = np.full(n_steps, np.nan)
    known = np.isfinite(values)
    values, step = values[known], step[known]
    values = values[np.lexsort((values, step))]
    edges = np.searchsorted(step, np.arange(n_steps + 1))
    number = np.diff(edges)
    k = np.flatnonzero(number >= MIN_BEATS)
    low = edges[k] + (number[k] - 1) // 2
    high = edges[k] + number[k] // 2
    medians[k] = (values[low] + values[high]) / 2.0
    return medians


def reference_mv(level_mv: Floats, reference: str) -> float | None:
    """Give the patient's own level: median of the first stable 5 min, or the first 30 s.

    A stretch is stable when 80 % of its levels are measured and their quartiles lie
    within 0.05 mV. Without one, the median of the whole recording serves.

    Returns
    -------
    float or None
        None when no level was measured.
    """
    if not np.isfinite(level_mv).any():
        return None
    if reference == "first_30_s":
        first = level_mv[: round(EC57_REFERENCE_S / STEP_S)]
        if np.isfinite(first).any():
            return float(np.nanmedian(first))
    width = round(REFERENCE_S / STEP_S)
    for k in range(max(0, len(level_mv) - width + 1)):
        window = level_mv[k : k + width]
        window = window[np.isfinite(window)]
        if len(window) >= STABLE_SHARE * width:
            low, high = np.percentile(window, [25.0, 75.0])
            if high - low <= STABLE_IQR_MV:
                return float(np.median(window))
    return float(np.nanmedian(level_mv))


def st_lead(
    series: StSeries, clock: Clock, rate_bpm: Floats, reference: str
) -> tuple[StLead, tuple[StEpisode, ...]] | None:
    """Measure one lead's deviation and find its episodes.

    Parameters
    ----------
    series : StSeries
    clock : Clock
    rate_bpm : ndarray, shape (k,)
        Mean heart rate of each 10-s step, NaN where unknown.
    reference : str
        ``first_stable_300_s`` or ``first_30_s``.

    Returns
    -------
    (StLead, tuple of StEpisode) or None
        None when the lead has no measured level.
    """
    base = reference_mv(series.level_mv, reference)
    if base is None:
        return None
    delta = series.level_mv - base
    known = delta[np.isfinite(delta)]
    episodes = tuple(
        _episode(series, delta, first, end, clock, rate_bpm)
        for first, end in episode_steps(delta)
    )
    lead = StLead(
        lead=series.lead,
        reference_mv=base,
        median_delta_mv=float(np.median(known)),
        max_elevation_mv=float(max(known.max(), 0.0)),
        max_depression_mv=float(min(known.min(), 0.0)),
        burden_mv_min=sum(e.burden_mv_min for e in episodes),
    )
    return lead, episodes


def episode_steps(delta_mv: Floats) -> list[tuple[int, int]]:
    """Find the 10-s steps of each episode, as (first, end).

    Steps without a level neither begin nor end one; an interruption shorter than a
    minute does not end it. Elevation and depression are different episodes.
    """
    need = round(LAST_S / STEP_S)
    found: list[tuple[int, int]] = []
    for sign in (1.0, -1.0):
        beyond = np.flatnonzero(np.nan_to_num(sign * delta_mv) >= CHANGE_MV)
        if not len(beyond):
            continue
        back = np.isfinite(delta_mv) & (np.nan_to_num(sign * delta_mv) < CHANGE_MV)
        calm = np.concatenate(([0], np.cumsum(back)))
        first = previous = int(beyond[0])
        for step in [*beyond[1:].tolist(), -1]:
            # Only steps measured back at the reference count as "apart".
            if step >= 0 and calm[step] - calm[previous] < need:
                previous = step
                continue
            inside = int((beyond >= first).sum() - (beyond > previous).sum())
            if inside >= need:
                found.append((first, previous + 1))
            first = previous = step
    return sorted(found)


def _episode(
    series: StSeries, delta: Floats, first: int, end: int, clock: Clock, rate: Floats
) -> StEpisode:
    inside = delta[first:end]
    peak = first + int(np.nanargmax(np.abs(inside)))
    step = STEP_S * clock.fs
    slope = float(series.slope_mv_per_s[peak])
    return StEpisode(
        lead=series.lead,
        onset=clock.moment(round(first * step)),
        duration_s=(end - first) * STEP_S,
        direction="elevation" if delta[peak] > 0.0 else "depression",
        max_delta_mv=float(delta[peak]),
        max_at=clock.moment(round((peak + 0.5) * step)),
        slope_mv_per_s=slope if np.isfinite(slope) else None,
        onset_bpm=float(rate[first]) if np.isfinite(rate[first]) else None,
        burden_mv_min=float(np.nansum(np.abs(inside)) * STEP_S / 60.0),
        position_change_suspected=_turned(series, delta, first),
    )


def _turned(series: StSeries, delta: Floats, first: int) -> bool:
    """Whether ST jumped together with the height of R, as when the wearer turns over."""
    steps = round(POSITION_STEP_S / STEP_S)
    before, after = slice(max(0, first - 6), first), slice(first, first + 6)
    if first == 0 or not np.isfinite(series.r_mv[before]).any():
        return False
    r_before = float(np.nanmedian(series.r_mv[before]))
    r_after = float(np.nanmedian(series.r_mv[after]))
    last = delta[max(0, first - steps) : first]
    jump = np.nanmin(np.abs(delta[first] - last)) if np.isfinite(last).any() else 0.0
    return bool(
        jump >= CHANGE_MV / 2.0
        and abs(r_after - r_before) > POSITION_R_SHARE * abs(r_before)
    )


def step_rates(sample: Ints, rr_ms: Floats, fs: float, n_samples: int) -> Floats:
    """Mean heart rate of each 10-s step, NaN where no interval ends in it."""
    n_steps = int(np.ceil(n_samples / (STEP_S * fs)))
    known = np.isfinite(rr_ms)
    step = (sample[known] / (STEP_S * fs)).astype(np.int64)
    total = np.bincount(step, weights=rr_ms[known], minlength=n_steps)[:n_steps]
    number = np.bincount(step, minlength=n_steps)[:n_steps]
    return np.where(total > 0.0, 60000.0 * number / np.maximum(total, 1e-9), np.nan)
