"""Median beats of short stretches and their landmarks: QRS onset, J, T peak and T end.

A median over half a minute of normal beats removes muscle noise that no single beat
could be measured in. The T end is the tangent one (Lepeschkin and Surawicz 1952,
doi:10.1161/01.CIR.6.3.378): the steepest descent meets the level before the QRS.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analytics.holter_beats import Flags, Floats, Ints
from analytics.types import Ecg

BEFORE_S, AFTER_S = 0.30, 0.66  # s around R: P wave to the end of a long QT
LEVEL_S = (0.085, 0.055)  # s before R, first guess of the isoelectric PR segment
MIN_BEATS = 5  # beats of one median (own: fewer leave muscle noise in)
QUIET_S = 0.012  # s of little slope that make an onset or an end
QUIET_SHARE = 0.06  # of the steepest QRS slope (own, tuned on the QT database)
ONSET_REACH_S, J_REACH_S = 0.14, 0.16  # s from the steepest point
T_START_S = 0.06  # s after J
NEXT_P_S = 0.22  # s before the next R belong to the next beat
TANGENT_REACH_S = 0.20  # s after the T peak
SECOND_SHARE, SECOND_MV = 0.25, 0.03  # of the first half, mV: a biphasic T (own)
SECOND_S = 0.16  # s after the first half's end within which a second peaks (own)
SECOND_END_S = 0.18  # s from the first half's end to the second's (own)
MIN_T_MV = 0.05  # mV, a smaller T has no measurable end (own)


@dataclass(frozen=True, slots=True)
class MedianBeats:
    """Median beats of consecutive stretches of one lead."""

    fs: float
    first_sample: Ints
    """Start of each stretch, shape (k,)."""
    wave_mv: NDArray[np.float64]
    """Shape (k, m)."""
    r_index: int
    rr_ms: Floats
    """Mean RR of each stretch's beats."""
    beats: Ints


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Times after R in ms (onset negative), shape (k,); NaN where not measurable."""

    onset_ms: Floats
    j_ms: Floats
    t_peak_ms: Floats
    t_end_ms: Floats
    t_mv: Floats
    """Height of the T peak above the level before the QRS."""
    r_mv: Floats

    @property
    def qt_ms(self) -> Floats:
        """Interval from QRS onset to T end."""
        return self.t_end_ms - self.onset_ms

    @property
    def qrs_ms(self) -> Floats:
        """Interval from QRS onset to J."""
        return self.j_ms - self.onset_ms


def median_beats(
    ecg_mv: Ecg, fs: float, sample: Ints, rr_ms: Floats, chosen: Flags, stretch_s: float
) -> MedianBeats:
    """Make the median beat of every stretch with at least five chosen beats.

    Parameters
    ----------
    ecg_mv : ndarray, shape (n_samples,)
        One lead; beats with a missing sample near them are left out.
    fs : float
    sample, rr_ms : ndarray, shape (n_beats,)
    chosen : ndarray of bool, shape (n_beats,)
        Beats to use: normal ones in clean signal.
    stretch_s : float
        Length of a stretch.

    Returns
    -------
    MedianBeats
    """
    before, after = round(BEFORE_S * fs), round(AFTER_S * fs)
    offsets = np.arange(-before, after + 1)
    level = slice(before - round(LEVEL_S[0] * fs), before - round(LEVEL_S[1] * fs) + 1)
    use = chosen & np.isfinite(rr_ms) & (sample >= before) & (sample + after < len(ecg_mv))
    at, rr = sample[use], rr_ms[use]
    stretch = np.floor_divide(at, stretch_s * fs).astype(np.int64)
    edges = np.flatnonzero(np.diff(stretch, prepend=-1, append=-1) != 0)
    firsts, waves, means, numbers = [], [], [], []
    for a, b in itertools.pairwise(edges.tolist()):
        if b - a < MIN_BEATS:
            continue
        window = ecg_mv[at[a:b, None] + offsets]
        window = window - window[:, level].mean(axis=1, keepdims=True)
        whole = np.isfinite(window).all(axis=1)
        if whole.sum() < MIN_BEATS:
            continue
        firsts.append(int(stretch[a] * stretch_s * fs))
        waves.append(np.median(window[whole], axis=0))
        means.append(float(rr[a:b].mean()))
        numbers.append(int(whole.sum()))
    return MedianBeats(
        fs=fs,
        first_sample=np.array(firsts, dtype=np.int64),
        wave_mv=np.array(waves).reshape(-1, len(offsets)),
        r_index=before,
        rr_ms=np.array(means),
        beats=np.array(numbers, dtype=np.int64),
    )


def landmarks(medians: MedianBeats) -> Landmarks:
    """Find QRS onset, J, T peak and T end of each median beat.

    Onset and J are where the slope first stays under 6 % of the steepest QRS slope for
    12 ms. The T wave may be upright, inverted or biphasic; a biphasic one ends with its
    second half.

    Returns
    -------
    Landmarks
        NaN for a T lower than 0.05 mV or an end beyond the stretch's own RR.
    """
    fs, r = medians.fs, medians.r_index
    k, m = medians.wave_mv.shape
    if not k:
        empty = np.empty(0)
        return Landmarks(empty, empty, empty, empty, empty, empty)
    wave = ndimage.uniform_filter1d(medians.wave_mv, max(1, round(0.008 * fs)), axis=1)
    slope = np.gradient(wave, axis=1) * fs
    column = np.arange(m)
    near = np.abs(column - r) <= round(0.08 * fs)
    steep = np.abs(np.where(near, slope, 0.0))
    limit = QUIET_SHARE * steep.max(axis=1)
    strong = steep >= 0.3 * steep.max(axis=1, keepdims=True)
    first_strong = strong.argmax(axis=1)
    last_strong = m - 1 - strong[:, ::-1].argmax(axis=1)
    quiet = _quiet(slope, limit, fs)
    onset = _last_before(quiet, first_strong, round(ONSET_REACH_S * fs))
    j = _first_after(quiet, last_strong, round(J_REACH_S * fs))
    based = wave - _level(wave, onset, fs)[:, None]
    t_peak, t_end = _t_wave(based, slope, j, medians, fs)
    rows = np.arange(k)
    t_mv = based[rows, t_peak]
    t_end[np.abs(t_mv) < MIN_T_MV] = np.nan
    to_ms = np.float64(1000.0 / fs)
    return Landmarks(
        onset_ms=(onset - r) * to_ms,
        j_ms=(j - r) * to_ms,
        t_peak_ms=(t_peak - r) * to_ms,
        t_end_ms=(t_end - r) * to_ms,
        t_mv=t_mv,
        r_mv=based[rows, r],
    )


def _quiet(slope: Floats, limit: Floats, fs: float) -> Flags:
    """Where the slope stays small for 12 ms around a sample."""
    size = max(2, round(QUIET_S * fs))
    top = ndimage.maximum_filter1d(np.abs(slope), size, axis=1)
    quiet: Flags = top <= limit[:, None]
    return quiet


def _last_before(quiet: Flags, at: NDArray[np.intp], reach: int) -> NDArray[np.intp]:
    column = np.arange(quiet.shape[1])
    allowed = (column < at[:, None]) & (column >= at[:, None] - reach)
    hit = quiet & allowed
    last = quiet.shape[1] - 1 - hit[:, ::-1].argmax(axis=1)
    found: NDArray[np.intp] = np.where(hit.any(axis=1), last, np.maximum(at - reach, 0))
    return found


def _first_after(quiet: Flags, at: NDArray[np.intp], reach: int) -> NDArray[np.intp]:
    column = np.arange(quiet.shape[1])
    allowed = (column > at[:, None]) & (column <= at[:, None] + reach)
    hit = quiet & allowed
    end = np.minimum(at + reach, quiet.shape[1] - 1)
    found: NDArray[np.intp] = np.where(hit.any(axis=1), hit.argmax(axis=1), end)
    return found


def _level(wave: Floats, onset: NDArray[np.intp], fs: float) -> Floats:
    """Mean of the 20 ms before the QRS onset."""
    width = max(1, round(0.020 * fs))
    total = np.concatenate((np.zeros((len(wave), 1)), np.cumsum(wave, axis=1)), axis=1)
    rows = np.arange(len(wave))
    low = np.maximum(onset - width, 0)
    level: Floats = (total[rows, onset + 1] - total[rows, low]) / (onset + 1 - low)
    return level


def _t_wave(
    based: Floats, slope: Floats, j: NDArray[np.intp], medians: MedianBeats, fs: float
) -> tuple[NDArray[np.intp], Floats]:
    """T peak and tangent T end as column positions; the end is fractional."""
    k, m = based.shape
    column, rows = np.arange(m), np.arange(k)
    room_s = np.clip(medians.rr_ms / 1000.0 - NEXT_P_S, 0.25, AFTER_S)
    last = np.minimum(medians.r_index + (room_s * fs).astype(np.int64), m - 1)
    first = j + round(T_START_S * fs)
    smooth = ndimage.uniform_filter1d(based, max(1, round(0.03 * fs)), axis=1)
    gentle = ndimage.uniform_filter1d(slope, max(1, round(0.03 * fs)), axis=1)
    span = (column >= first[:, None]) & (column <= last[:, None])
    t_peak = np.where(span, np.abs(smooth), -1.0).argmax(axis=1)
    t_end = _tangent(smooth, gentle, t_peak, last, fs)
    # A second half of the other sign belongs to the T wave: it ends with that.
    sign = np.sign(smooth[rows, t_peak])
    end = np.nan_to_num(t_end, nan=float(m))[:, None]
    later = (column > end) & (column <= np.minimum(end + SECOND_S * fs, last[:, None]))
    second = np.where(later, -sign[:, None] * smooth, -1.0).argmax(axis=1)
    height = -sign * smooth[rows, second]
    enough = (height >= SECOND_SHARE * np.abs(smooth[rows, t_peak])) & later.any(axis=1)
    second_end = _tangent(smooth, gentle, second, last, fs)
    with np.errstate(invalid="ignore"):
        near = second_end - t_end <= SECOND_END_S * fs
    take = enough & (height >= SECOND_MV) & near
    return t_peak, np.where(take, second_end, t_end)


def _tangent(
    smooth: Floats, gentle: Floats, peak: NDArray[np.intp], last: Ints, fs: float
) -> Floats:
    """Where the steepest return after a peak meets zero; NaN where it does not."""
    k, m = smooth.shape
    column, rows = np.arange(m), np.arange(k)
    sign = np.sign(smooth[rows, peak])
    reach = np.minimum(peak + round(TANGENT_REACH_S * fs), last)
    after = (column > peak[:, None]) & (column <= reach[:, None])
    # Beyond its own zero crossing it is another wave's slope.
    crossed = np.logical_or.accumulate(after & (sign[:, None] * smooth <= 0.0), axis=1)
    fall = np.where(after & ~crossed, -sign[:, None] * gentle, -np.inf)
    steepest = fall.argmax(axis=1)
    rate = fall[rows, steepest]
    height = sign * smooth[rows, steepest]
    ok = np.isfinite(rate) & (rate > 0.0) & (height > 0.0)
    end = np.full(k, np.nan)
    end[ok] = steepest[ok] + height[ok] / rate[ok] * fs
    end[end > last + 0.05 * fs] = np.nan
    return end
