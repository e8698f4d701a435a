"""What the live stream measures besides beats: how often the signal repeats itself, ST, QT.

Everything is taken from the last minute and a half of signal and the last 128 beats, at
fixed places of the recording's clock, with the methods of the whole-day analysis.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analytics.delineation import Landmarks
from analytics.holter_medians import MedianBeats, median_beats
from analytics.live_trackers import BeatItem
from analytics.types import Ecg, Pulse, Waves
from analytics.vocabulary import Aami

PULSE_S = 10
STRETCH_S = 30
"""One median beat (report definition 9)."""
PAST_S = 90
"""Signal kept for conduction: two averages of P waves and the gaps between."""
ST_POINT_MS, ST_POINT_FAST_MS, FAST_RR_MS = 80.0, 60.0, 500.0
"""J + 80 ms, J + 60 ms from 120/min on."""
QT_RANGE_MS = (200.0, 700.0)
_LAGS_S = (0.25, 4.0)
_LEAST_LIKE = 0.6
_NEARLY = 0.85
"""The shortest lag that is this nearly as good as the best is the period."""


def pulse(ecg_mv: Ecg, fs: float, first: int) -> Pulse:
    """Find the period of a stretch from the autocorrelation of its steepness.

    Parameters
    ----------
    ecg_mv : ndarray, shape (n_samples,)
        Ten seconds, no sample missing.
    first : int
        Position of its first sample.
    """
    step = max(1, round(0.016 * fs))
    steep = np.abs(ecg_mv[step:] - ecg_mv[:-step])
    # a single spike must not outweigh all beats
    steep = np.minimum(steep, 4.0 * float(np.percentile(steep, 95.0)))
    steep = ndimage.uniform_filter1d(steep, max(1, round(0.08 * fs)))
    steep -= steep.mean()
    low, high = (round(lag * fs) for lag in _LAGS_S)
    size = 1 << int(2 * steep.size - 1).bit_length()
    power = np.abs(np.fft.rfft(steep, size)) ** 2
    like = np.fft.irfft(power)[: high + 1]
    # each lag against the energy of what overlaps there
    energy = np.cumsum(steep**2)
    lags = np.arange(high + 1)
    overlap = np.sqrt(
        energy[steep.size - 1 - lags] * (energy[-1] - energy[lags] + steep[lags] ** 2)
    )
    like = like / np.maximum(overlap, 1e-12)
    inside = like[low - 1 :]
    top = np.flatnonzero((inside[1:-1] > inside[:-2]) & (inside[1:-1] >= inside[2:])) + low
    end = first + ecg_mv.size
    if not top.size or float(like[top].max()) < _LEAST_LIKE:
        best = float(like[top].max()) if top.size else 0.0
        return Pulse(first, end, None, round(max(best, 0.0), 3))
    chosen = int(top[like[top] >= _NEARLY * like[top].max()][0])
    return Pulse(first, end, round(1000.0 * chosen / fs, 1), round(float(like[chosen]), 3))


def waves(
    past: NDArray[np.float32],
    past_first: int,
    fs: float,
    beats: Sequence[BeatItem],
    end: int,
    *,
    lead: int = 0,
) -> Waves | None:
    """Measure the median beat of the stretch that ends at ``end``.

    Parameters
    ----------
    past : ndarray of float32, shape (n_samples, n_leads)
        mV, from ``past_first`` on; reaches 0.7 s beyond ``end``.
    beats : sequence of BeatItem
    end : int
    lead : int
        The one whose QRS and QT are measured; ST is measured in all.

    Returns
    -------
    Waves or None
        None with fewer than five normal beats in quiet signal.
    """
    first = end - round(STRETCH_S * fs)
    inside = [
        beat
        for beat in beats
        if first <= beat.sample < end and beat.aami is Aami.N and beat.rr_quiet
    ]
    main = _median(past[:, lead].astype(np.float64), past_first, fs, inside)
    if main is None:
        return None
    medians, marks = main
    levels = [_st(one.astype(np.float64), past_first, fs, inside) for one in past.T]
    qt, qrs = float(marks.qt_ms[0]), float(marks.qrs_ms[0])
    known = QT_RANGE_MS[0] <= qt <= QT_RANGE_MS[1]
    return Waves(
        first_sample=first,
        end_sample=end,
        beats=int(medians.beats[0]),
        rr_ms=round(float(medians.rr_ms[0]), 1),
        qrs_ms=round(qrs, 1),
        qt_ms=round(qt, 1) if known else None,
        t_peak_ms=round(float(marks.t_peak_ms[0]), 1) if known else None,
        t_end_ms=round(float(marks.t_end_ms[0]), 1) if known else None,
        st_mv=tuple(level for level, _, _ in levels),
        st_slope_mv_per_s=tuple(slope for _, slope, _ in levels),
        r_mv=tuple(height for _, _, height in levels),
    )


def _median(
    lead: Ecg, first: int, fs: float, beats: Sequence[BeatItem]
) -> tuple[MedianBeats, Landmarks] | None:
    sample = np.array([beat.sample - first for beat in beats], dtype=np.int64)
    rr = np.array([beat.rr_ms if beat.rr_ms else np.nan for beat in beats])
    chosen = np.array([beat.usable for beat in beats], dtype=bool)
    medians = median_beats(lead, fs, sample, rr, chosen, float(2 * PAST_S))
    if not medians.beats.size:
        return None
    return medians, medians.landmarks()


Level = tuple[float | None, float | None, float | None]


def _st(lead: Ecg, first: int, fs: float, beats: Sequence[BeatItem]) -> Level:
    """ST level, its slope, and the height of R in one lead."""
    found = _median(lead, first, fs, beats)
    if found is None:
        return None, None, None
    medians, marks = found
    wave, r = medians.wave_mv[0], medians.r_index
    fast = float(medians.rr_ms[0]) <= FAST_RR_MS
    after_ms = ST_POINT_FAST_MS if fast else ST_POINT_MS

    def at(ms: float, width_ms: float = 16.0) -> float:
        half = max(0, round(width_ms / 2000.0 * fs))
        middle = r + round(ms / 1000.0 * fs)
        return float(wave[max(middle - half, 0) : middle + half + 1].mean())

    base = at(float(marks.onset_ms[0]) - 10.0, 20.0)
    j_ms = float(marks.j_ms[0])
    point = at(j_ms + after_ms)
    slope = (point - at(j_ms + 8.0)) / ((after_ms - 8.0) / 1000.0)
    height = float(wave[r]) - base
    return round(point - base, 3), round(slope, 3), round(height, 3)
