"""Heart rate turbulence and deceleration capacity.

Turbulence: Schmidt et al. (1999), doi:10.1016/S0140-6736(98)08428-1, with the filters of
the ISHNE consensus (2008), doi:10.1016/j.jacc.2008.07.041. Capacity: Bauer et al. (2006),
doi:10.1016/S0140-6736(06)68735-7.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.holter_values import Capacity, NotAssessable, Reason, Turbulence

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RR_RANGE_MS = (300.0, 2000.0)  # ms, sinus RR that may enter (ISHNE 2008)
MAX_STEP_MS = 200.0  # ms between neighbouring sinus RR (ISHNE 2008)
MAX_FROM_REFERENCE = 0.20  # of the mean of the last 5 sinus RR (ISHNE 2008)
REFERENCE_RR = 5  # sinus RR of the reference (ISHNE 2008)
PREMATURITY = 0.20  # coupling at least 20 % shorter than the reference (ISHNE 2008)
PAUSE_EXCESS = 0.20  # pause at least 20 % longer than the reference (ISHNE 2008)
AFTER_RR = 15  # sinus RR after the pause (report definition 13)
SLOPE_RR = 5  # RR of one regression (Schmidt 1999)
MIN_BEATS = 5  # usable V beats (report definition 13)
ONSET_LIMIT_PCT = 0.0  # %, at or above is abnormal (ISHNE 2008)
SLOPE_LIMIT = 2.5  # ms per RR, at or below is abnormal (ISHNE 2008)
ANCHOR_LIMIT = 0.05  # change of an anchor interval, 5 % (Bauer 2006)
MIN_ANCHORS = 100  # fewer make an average of chance (own)
DC_HIGH_MS, DC_MEDIUM_MS = 2.5, 4.5  # ms, risk limits (Bauer 2006)


def turbulence(
    rr_ms: Floats, normal: Flags, ventricular: Flags, excluded: Flags | None = None
) -> Turbulence | NotAssessable:
    """Measure turbulence onset and slope after single ventricular premature beats.

    A V beat is used when five sinus intervals before its coupling interval and fifteen
    after its pause pass the filters. Onset is averaged over beats; slope is taken on the
    averaged tachogram.

    Parameters
    ----------
    rr_ms : ndarray, shape (n_beats,)
        Interval from the beat before, NaN after a gap or noise.
    normal, ventricular : ndarray of bool, shape (n_beats,)
    excluded : ndarray of bool, shape (n_beats,), optional
        Beats in atrial fibrillation: V beats there are not used.

    Returns
    -------
    Turbulence or NotAssessable
        ``no_ventricular_beats`` or ``too_few_ventricular_beats`` (under 5 usable).

    References
    ----------
    .. [1] doi:10.1016/S0140-6736(98)08428-1
    .. [2] doi:10.1016/j.jacc.2008.07.041
    """
    candidates = np.flatnonzero(ventricular)
    if not len(candidates):
        return NotAssessable(Reason.NO_VENTRICULAR_BEATS)
    rows = []
    for k in candidates:
        if excluded is not None and excluded[k]:
            continue
        row = _tachogram(int(k), rr_ms, normal)
        if row is not None:
            rows.append(row)
    if len(rows) < MIN_BEATS:
        return NotAssessable(Reason.TOO_FEW_VENTRICULAR_BEATS)
    tachograms = np.array(rows)
    before = tachograms[:, 0] + tachograms[:, 1]
    after = tachograms[:, 4] + tachograms[:, 5]
    onset = float(np.mean((after - before) / before) * 100.0)
    mean = tachograms.mean(axis=0)
    slope = max_slope(mean[4:])
    return Turbulence(
        beats_used=len(rows),
        onset_pct=onset,
        slope_ms_per_rr=slope,
        category=int(onset >= ONSET_LIMIT_PCT) + int(slope <= SLOPE_LIMIT),
        tachogram_ms=tuple(float(x) for x in mean),
    )


def _tachogram(k: int, rr_ms: Floats, normal: Flags) -> Floats | None:
    """Two RR before, coupling, pause and 15 RR after beat k; None when filtered out."""
    first = k - REFERENCE_RR  # beat that ends the oldest reference interval
    last = k + 1 + AFTER_RR  # beat that ends the youngest interval
    if first < 1 or last >= len(rr_ms):
        return None
    if not (normal[first - 1 : k].all() and normal[k + 1 : last + 1].all()):
        return None
    window = rr_ms[first : last + 1]
    if not np.isfinite(window).all():
        return None
    before, coupling, pause = window[:REFERENCE_RR], window[5], window[6]
    after = window[7:]
    reference = before.mean()
    if coupling > (1.0 - PREMATURITY) * reference:
        return None
    if pause < (1.0 + PAUSE_EXCESS) * reference:
        return None
    if not (_sinus(before, reference) and _sinus(after, reference)):
        return None
    return np.concatenate((before[-2:], window[5:]))


def _sinus(rr_ms: Floats, reference_ms: float) -> bool:
    low, high = RR_RANGE_MS
    return bool(
        (rr_ms >= low).all()
        and (rr_ms <= high).all()
        and (np.abs(np.diff(rr_ms)) <= MAX_STEP_MS).all()
        and (np.abs(rr_ms - reference_ms) <= MAX_FROM_REFERENCE * reference_ms).all()
    )


def max_slope(after_ms: Floats) -> float:
    """Steepest rise of a regression line over any five consecutive RR, ms per RR."""
    x = np.arange(SLOPE_RR) - (SLOPE_RR - 1) / 2.0
    windows = np.lib.stride_tricks.sliding_window_view(after_ms, SLOPE_RR)
    return float((windows @ x / (x @ x)).max())


def capacity(rr_ms: Floats, normal: Flags) -> Capacity | NotAssessable:
    """Measure deceleration and acceleration capacity by phase-rectified averaging.

    Anchors are sinus intervals longer (shorter) than the one before by at most 5 %;
    DC = (X0 + X1 - X-1 - X-2) / 4 of the averaged segments. Unlike the paper, a segment
    with an interval that is not NN is left out, not bridged.

    Parameters
    ----------
    rr_ms : ndarray, shape (n_beats,)
    normal : ndarray of bool, shape (n_beats,)

    Returns
    -------
    Capacity or NotAssessable
        ``too_few_beats`` under 100 anchors of either kind.

    References
    ----------
    .. [1] doi:10.1016/S0140-6736(06)68735-7
    """
    is_nn = np.zeros(len(rr_ms), dtype=np.bool_)
    is_nn[1:] = normal[1:] & normal[:-1] & np.isfinite(rr_ms[1:])
    if len(rr_ms) < 5:
        return NotAssessable(Reason.TOO_FEW_BEATS)
    whole = is_nn[:-3] & is_nn[1:-2] & is_nn[2:-1] & is_nn[3:]
    x_2, x_1, x0, x1 = (rr_ms[k : len(rr_ms) - 3 + k][whole] for k in range(4))
    change = (x0 - x_1) / x_1
    longer = (change > 0.0) & (change <= ANCHOR_LIMIT)
    shorter = (change < 0.0) & (change >= -ANCHOR_LIMIT)
    if min(longer.sum(), shorter.sum()) < MIN_ANCHORS:
        return NotAssessable(Reason.TOO_FEW_BEATS)
    quarter = (x0 + x1 - x_1 - x_2) / 4.0
    dc = float(quarter[longer].mean())
    risk = "high" if dc <= DC_HIGH_MS else "medium" if dc <= DC_MEDIUM_MS else "low"
    return Capacity(
        dc_ms=dc, ac_ms=float(quarter[shorter].mean()), risk=risk, anchors=int(longer.sum())
    )
