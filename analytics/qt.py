"""QT interval over a day: four corrections, grading, rate dependence."""

from collections.abc import Callable

import numpy as np

from analytics.delineation import Landmarks
from analytics.holter_beats import Flags, Floats
from analytics.holter_medians import MedianBeats
from analytics.holter_values import NotAssessable, QtSummary, Reason

STRETCH_S = 30.0  # s, median beats (report definition 9)
RATE_RANGE_BPM = (50.0, 100.0)  # bpm, gradable (report definition 9)
STEADY = 0.05  # change of mean RR between neighbouring stretches that is steady (own)
QT_RANGE_MS = (200.0, 700.0)  # ms, outside the tangent has failed (own)
WIDE_QRS_MS = 120.0  # ms, QTc not graded above (report definition 9)
SHARES_MS = (450.0, 460.0, 500.0)  # ms (report definition 9)
MIN_GRADED = 4  # stretches, two minutes (own)
MIN_SLOPE_STRETCHES = 20  # stretches for a QT/RR line, ten minutes (own)


def bazett_ms(qt_ms: Floats, rr_ms: Floats) -> Floats:
    """QT / sqrt(RR in s); Bazett (1920)."""
    return qt_ms / np.sqrt(rr_ms / 1000.0)


def fridericia_ms(qt_ms: Floats, rr_ms: Floats) -> Floats:
    """QT / cube root of RR in s; Fridericia (1920)."""
    return qt_ms / np.cbrt(rr_ms / 1000.0)


def framingham_ms(qt_ms: Floats, rr_ms: Floats) -> Floats:
    """QT + 154 ms (1 - RR in s); Sagie (1992), doi:10.1016/0002-9149(92)90562-D."""
    return qt_ms + 154.0 * (1.0 - rr_ms / 1000.0)


def hodges_ms(qt_ms: Floats, rr_ms: Floats) -> Floats:
    """QT + 1.75 ms per bpm above 60; Hodges (1983)."""
    return qt_ms + 1.75 * (60000.0 / rr_ms - 60.0)


FORMULAS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "bazett": bazett_ms,
    "fridericia": fridericia_ms,
    "framingham": framingham_ms,
    "hodges": hodges_ms,
}


def qt_summary(
    medians: MedianBeats,
    marks: Landmarks,
    *,
    formula: str = "fridericia",
    is_day: Flags | None = None,
) -> QtSummary | NotAssessable:
    """Summarise QT over the recording.

    A 30-s stretch is graded when its rate is 50 to 100 bpm and a touching stretch has
    the same mean RR within 5 %, so that at least 60 s were steady.

    Parameters
    ----------
    medians : MedianBeats
        Of 30-s stretches.
    marks : Landmarks
        Of the same median beats.
    formula : str
        Which correction the graded shares use.
    is_day : ndarray of bool, shape (k,), optional
        Local day for each stretch; without it, the QT/RR slopes are None.

    Returns
    -------
    QtSummary or NotAssessable
        ``no_clean_stretch`` with less than two minutes graded. QTc is None with
        a median QRS above 120 ms.
    """
    qt, rr = marks.qt_ms, medians.rr_ms
    known = np.isfinite(qt) & (qt >= QT_RANGE_MS[0]) & (qt <= QT_RANGE_MS[1])
    graded = known & steady(medians)
    if graded.sum() < MIN_GRADED:
        return NotAssessable(Reason.NO_CLEAN_STRETCH)
    qrs = float(np.median(marks.qrs_ms[graded]))
    corrected = {name: f(qt[graded], rr[graded]) for name, f in FORMULAS.items()}
    wide = qrs > WIDE_QRS_MS
    chosen = corrected[formula]
    over = [
        None if wide else float(100.0 * np.mean(chosen >= limit)) for limit in SHARES_MS
    ]
    hour = medians.first_sample[graded] // round(3600.0 * medians.fs)
    hourly = [float(np.median(chosen[hour == h])) for h in np.unique(hour)]
    day = night = None
    if is_day is not None:
        day = _slope(qt[graded & is_day], rr[graded & is_day])
        night = _slope(qt[graded & ~is_day], rr[graded & ~is_day])
    return QtSummary(
        stretches=int(known.sum()),
        graded=int(graded.sum()),
        qt_median_ms=float(np.median(qt[graded])),
        qrs_median_ms=qrs,
        jt_median_ms=float(np.median((marks.t_end_ms - marks.j_ms)[graded])),
        qtc_median_ms=None
        if wide
        else {name: float(np.median(values)) for name, values in corrected.items()},
        formula=formula,
        qtc_max_hourly_ms=None if wide else max(hourly),
        share_450_pct=over[0],
        share_460_pct=over[1],
        share_500_pct=over[2],
        qt_rr_slope_day=day,
        qt_rr_slope_night=night,
    )


def steady(medians: MedianBeats) -> Flags:
    """Which 30-s stretches belong to 60 s or more of steady rate, 50 to 100 bpm."""
    k = len(medians.rr_ms)
    flags = np.zeros(k, dtype=np.bool_)
    if k < 2:
        return flags
    bpm = 60000.0 / medians.rr_ms
    in_range = (bpm >= RATE_RANGE_BPM[0]) & (bpm <= RATE_RANGE_BPM[1])
    gap = np.diff(medians.first_sample)
    touching = gap <= 1.5 * STRETCH_S * medians.fs
    alike = np.abs(np.diff(medians.rr_ms)) <= STEADY * medians.rr_ms[:-1]
    pair = touching & alike & in_range[1:] & in_range[:-1]
    flags[1:] |= pair
    flags[:-1] |= pair
    return flags


def _slope(qt_ms: Floats, rr_ms: Floats) -> float | None:
    if len(qt_ms) < MIN_SLOPE_STRETCHES or float(np.ptp(rr_ms)) == 0.0:
        return None
    centred = rr_ms - rr_ms.mean()
    return float((centred @ qt_ms) / (centred @ centred))
