"""Heart rate variability from normal-to-normal intervals.

Definitions follow the Task Force of ESC and NASPE (1996), doi:10.1161/01.CIR.93.5.1043.
Only intervals between consecutive normal beats are ever used: never call an RR an NN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage, signal

from analytics.holter_values import HrvFrequency, HrvTime, NotAssessable, Poincare, Reason

Floats = NDArray[np.float64]

SEGMENT_S = 300.0  # s, 5-min segments of SDANN, SDNN index and spectra (Task Force 1996)
SEGMENT_NN_SHARE = 0.8  # of the segment's duration covered by NN (report definition 10)
WHOLE_DAY_S = 18 * 3600.0  # s analysable for 24-h indices (Task Force 1996, 18 h)
AROUND_NN = 11  # NN of the local median that tells a missed or a false beat (own)
MISSED_OR_FALSE = (0.6, 1.6)  # of that median; two sinus intervals in one are 2.0 (own)
MIN_NN = 100  # NN intervals for any time index; below, the SD is chance (own)
NN50_MS = 50.0  # ms (Task Force 1996)
BIN_MS = 1000.0 / 128.0  # ms, bin of the triangular index (Task Force 1996)
RESAMPLE_HZ = 4.0  # Hz, tachogram of a 5-min window (report definition 11)
SLOW_RESAMPLE_HZ = 1.0  # Hz, tachogram of the whole day; ULF ends at 0.003 Hz
VLF_HZ = (0.003, 0.04)  # Hz (Task Force 1996)
LF_HZ = (0.04, 0.15)  # Hz (Task Force 1996)
HF_HZ = (0.15, 0.40)  # Hz (Task Force 1996)
MAX_POINTS = 4000  # points of a printed Poincaré plot (own)
HISTOGRAM_MS = 8.0  # ms, bins of RR and delta-RR histograms (report definition 12)
HISTOGRAM_END_MS = 2504.0  # ms, last RR bin's end; longer intervals go into it
DRR_END_MS = 1000.0  # ms, the delta-RR histogram spans -1000 to 1000


@dataclass(frozen=True, slots=True)
class NnSeries:
    """Normal-to-normal intervals of a recording."""

    ends_s: Floats
    """Time of the beat that ends each interval, seconds from the recording's start."""
    nn_ms: Floats
    follows: NDArray[np.bool_]
    """The interval before this one in the array is also the one before it in time."""


def nn_series(beat_s: Floats, rr_ms: Floats, normal: NDArray[np.bool_]) -> NnSeries:
    """Keep the intervals between consecutive normal beats.

    An interval under 0.6 or over 1.6 of the median of the eleven around it is left out:
    one missed or one false beat makes just that, and a single one in a thousand would
    double the RMSSD. Respiratory arrhythmia stays well within.

    Parameters
    ----------
    beat_s : ndarray, shape (n_beats,)
        Beat times in seconds, increasing.
    rr_ms : ndarray, shape (n_beats,)
        Interval from the beat before in ms; NaN after a gap or noise.
    normal : ndarray of bool, shape (n_beats,)
        Beats that count as normal sinus beats of good signal.

    Returns
    -------
    NnSeries
        Empty arrays when there is no such interval.
    """
    n = len(beat_s)
    keep = np.zeros(n, dtype=np.bool_)
    keep[1:] = normal[1:] & normal[:-1] & np.isfinite(rr_ms[1:])
    index = np.flatnonzero(keep)
    if len(index):
        usual = ndimage.median_filter(rr_ms[index], AROUND_NN, mode="nearest")
        ratio = rr_ms[index] / usual
        index = index[(ratio >= MISSED_OR_FALSE[0]) & (ratio <= MISSED_OR_FALSE[1])]
    follows = np.zeros(len(index), dtype=np.bool_)
    follows[1:] = np.diff(index) == 1
    return NnSeries(beat_s[index], rr_ms[index], follows)


def hrv_time(nn: NnSeries, analysable_s: float) -> HrvTime | NotAssessable:
    """Measure variability in the time domain.

    All standard deviations are sample deviations (n - 1). Successive differences are
    taken only between NN intervals that touch.

    Parameters
    ----------
    nn : NnSeries
    analysable_s : float
        Analysable time of the recording; at least 18 h makes ``whole_day`` true.

    Returns
    -------
    HrvTime or NotAssessable
        ``too_few_beats`` below 100 NN. SDANN and the SDNN index are None with fewer
        than two and one valid 5-min segments.

    References
    ----------
    .. [1] doi:10.1161/01.CIR.93.5.1043
    """
    if len(nn.nn_ms) < MIN_NN:
        return NotAssessable(Reason.TOO_FEW_BEATS)
    delta = successive_differences(nn)
    segments = valid_segments(nn)
    means = [float(nn.nn_ms[part].mean()) for part in segments]
    deviations = [
        float(nn.nn_ms[part].std(ddof=1)) for part in segments if part.stop - part.start > 1
    ]
    counts = np.bincount((nn.nn_ms / BIN_MS).astype(np.int64))
    some = len(delta) > 1
    return HrvTime(
        nn_count=len(nn.nn_ms),
        whole_day=analysable_s >= WHOLE_DAY_S,
        mean_nn_ms=float(nn.nn_ms.mean()),
        sdnn_ms=float(nn.nn_ms.std(ddof=1)),
        sdann_ms=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        sdnn_index_ms=float(np.mean(deviations)) if deviations else None,
        rmssd_ms=float(np.sqrt(np.mean(delta**2))) if some else None,
        sdsd_ms=float(delta.std(ddof=1)) if some else None,
        pnn50_pct=float(100.0 * np.mean(np.abs(delta) > NN50_MS)) if some else None,
        triangular_index=len(nn.nn_ms) / float(counts.max()),
        segments_valid=len(segments),
    )


def successive_differences(nn: NnSeries) -> Floats:
    """Differences between NN intervals that touch, ms, shape (n,)."""
    delta: Floats = np.diff(nn.nn_ms)[nn.follows[1:]]
    return delta


def valid_segments(nn: NnSeries) -> list[slice]:
    """Five-minute segments, from the recording's start, covered to 80 % by NN.

    Returns
    -------
    list of slice
        Into the arrays of ``nn``. An interval belongs to the segment in which it ends.
    """
    if not len(nn.ends_s):
        return []
    count = int(nn.ends_s[-1] // SEGMENT_S) + 1
    edges = np.searchsorted(nn.ends_s, np.arange(count + 1) * SEGMENT_S)
    total_ms = np.concatenate(([0.0], np.cumsum(nn.nn_ms)))
    covered_ms = np.diff(total_ms[edges])
    enough = covered_ms >= SEGMENT_NN_SHARE * SEGMENT_S * 1000.0
    return [
        slice(int(edges[k]), int(edges[k + 1])) for k in range(count) if bool(enough[k])
    ]


def hrv_frequency(nn: NnSeries, analysable_s: float) -> HrvFrequency | NotAssessable:
    """Measure variability in the frequency domain.

    Each valid 5-min window is interpolated (piecewise cubic, PCHIP) to 4 Hz, its line
    removed, and its Hann-windowed periodogram integrated; the bands are means over
    windows. ULF comes from one periodogram of the whole recording at 1 Hz with holes
    bridged by straight lines, only with 18 h or more.

    Returns
    -------
    HrvFrequency or NotAssessable
        ``too_short`` without a valid 5-min window.

    References
    ----------
    .. [1] doi:10.1161/01.CIR.93.5.1043
    """
    spectra = [
        band_powers_ms2(nn.ends_s[part], nn.nn_ms[part]) for part in valid_segments(nn)
    ]
    if not spectra:
        return NotAssessable(Reason.TOO_SHORT)
    vlf, lf, hf = (float(x) for x in np.mean(spectra, axis=0))
    whole = analysable_s >= WHOLE_DAY_S
    some = lf + hf > 0.0
    return HrvFrequency(
        windows=len(spectra),
        ulf_ms2=ulf_power_ms2(nn) if whole else None,
        vlf_ms2=vlf,
        lf_ms2=lf,
        hf_ms2=hf,
        total_ms2=vlf + lf + hf,
        lf_nu=100.0 * lf / (lf + hf) if some else None,
        hf_nu=100.0 * hf / (lf + hf) if some else None,
        lf_hf=lf / hf if hf > 0.0 else None,
    )


def band_powers_ms2(ends_s: Floats, nn_ms: Floats) -> tuple[float, float, float]:
    """VLF, LF and HF power of one window, ms²; at least four intervals."""
    start = np.floor(ends_s[0] / SEGMENT_S) * SEGMENT_S
    grid = start + np.arange(int(SEGMENT_S * RESAMPLE_HZ)) / RESAMPLE_HZ
    curve = interpolate.PchipInterpolator(ends_s, nn_ms, extrapolate=False)(grid)
    first, last = nn_ms[0], nn_ms[-1]
    curve = np.where(grid < ends_s[0], first, np.where(grid > ends_s[-1], last, curve))
    hz, psd = signal.periodogram(
        signal.detrend(curve), RESAMPLE_HZ, window="hann", detrend=False
    )
    return (_power(hz, psd, VLF_HZ), _power(hz, psd, LF_HZ), _power(hz, psd, HF_HZ))


def ulf_power_ms2(nn: NnSeries) -> float:
    """Power at 0.003 Hz and below over the whole recording, ms²."""
    grid = np.arange(nn.ends_s[0], nn.ends_s[-1], 1.0 / SLOW_RESAMPLE_HZ)
    curve = np.interp(grid, nn.ends_s, nn.nn_ms)
    hz, psd = signal.periodogram(
        curve - curve.mean(), SLOW_RESAMPLE_HZ, window="boxcar", detrend=False
    )
    return float(psd[(hz > 0.0) & (hz <= VLF_HZ[0])].sum() * (hz[1] - hz[0]))


def _power(hz: Floats, psd: Floats, band_hz: tuple[float, float]) -> float:
    inside = (hz >= band_hz[0]) & (hz < band_hz[1])
    return float(psd[inside].sum() * (hz[1] - hz[0]))


def poincare(
    nn: NnSeries, rr_ms: Floats, beat_class: NDArray[np.str_]
) -> Poincare | NotAssessable:
    """Poincaré plot: SD1 and SD2 from NN, points from all RR coloured by class.

    SD1² = ½·var(ΔNN); SD2² = 2·SDNN² − ½·var(ΔNN).

    Parameters
    ----------
    nn : NnSeries
    rr_ms : ndarray, shape (n_beats,)
        All intervals, NaN where unknown.
    beat_class : ndarray of str, shape (n_beats,)
        One AAMI letter per beat; a point takes the class of the beat between its two
        intervals.

    Returns
    -------
    Poincare or NotAssessable
        ``too_few_beats`` below 100 NN.
    """
    delta = successive_differences(nn)
    if len(nn.nn_ms) < MIN_NN or len(delta) < 2:
        return NotAssessable(Reason.TOO_FEW_BEATS)
    half_var = 0.5 * float(delta.var(ddof=1))
    sd2_sq = 2.0 * float(nn.nn_ms.var(ddof=1)) - half_var
    known = np.flatnonzero(np.isfinite(rr_ms[:-1]) & np.isfinite(rr_ms[1:]))
    step = max(1, -(-len(known) // MAX_POINTS))
    shown = known[::step]
    finite = rr_ms[np.isfinite(rr_ms)]
    drr = rr_ms[known + 1] - rr_ms[known]
    return Poincare(
        sd1_ms=half_var**0.5,
        sd2_ms=max(sd2_sq, 0.0) ** 0.5,
        points=tuple(
            (round(float(rr_ms[k])), round(float(rr_ms[k + 1])), str(beat_class[k]))
            for k in shown
        ),
        points_of=len(known),
        rr_histogram=_histogram(finite, 0.0, HISTOGRAM_END_MS),
        drr_histogram=_histogram(drr, -DRR_END_MS, DRR_END_MS),
    )


def _histogram(values_ms: Floats, first_ms: float, end_ms: float) -> tuple[int, ...]:
    edges = np.arange(first_ms, end_ms + 1e-6, HISTOGRAM_MS)
    clipped = np.clip(values_ms, edges[0], edges[-1] - 1e-6)
    return tuple(int(n) for n in np.histogram(clipped, edges)[0])
