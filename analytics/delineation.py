"""Where P, QRS and T begin, peak and end, in single beats or in averages of many.

QRS: the stretch around R in which the slope stays steep, carried outwards to where it
rests. T and P ends: the area method (Zhang 2006, doi:10.1016/j.medengphy.2006.01.003), in
which the surface between the signal and its own level just later is largest at the end
of a wave, so that neither noise nor a slow slope moves it much. The T end printed is the
tangent one (Lepeschkin and Surawicz 1952, doi:10.1161/01.CIR.6.3.378) on the wave that the
area found: its steepest return meets the level behind it. What that gives against the
manual boundaries of the QT database stands in ``docs/benchmarks.md``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analytics.types import Ecg, Flags

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Places = NDArray[np.intp]
"""A column for each row."""

BEFORE_S: Final = 0.50  # s before R that a row holds: the longest PR and the P wave
AFTER_S: Final = 0.76  # s after R: the end of T at 35/min
AT_ONCE: Final = 512  # rows delineated together: 1 MB each of some twenty arrays

_SMOOTH_S = (
    0.012  # s, all boundaries are looked for on this mean (tuned on the QT database)
)
_STEEP_S = 0.04  # s, mean slope that says what is QRS: a pacing spike is shorter (same)
_STEEP_SHARE, _REST_SHARE = 0.3, 0.10  # of that slope: inside QRS, at rest (same)
_REST_S = 0.012  # s of rest that end a QRS
_QRS_REACH_S, _QRS_GAP_S = 0.12, 0.04  # s from steep to rest; between steep parts of one
_T_AREA_S, _T_LEVEL_S = 0.128, 0.032  # s (Zhang 2006: 128 ms; level tuned as above)
_T_LATER: Final = 10.0  # times smaller may a last half of a T wave be (Zhang 2006: 6)
_T_HALF_S, _SECOND_SHARE = 0.12, 4.0  # s to its end, times smaller at most (own)
_TANGENT_S = 0.14  # s before the area's end in which T is steepest
_T_FALL_S = 0.18  # s from the peak of T to its end at most
_NO_P_S = 0.10  # s before the next R in which no T ends when there is no P wave
_MIN_T_MV = 0.05  # mV, a lower T has no measurable end (own)
_HAT_S = 0.05  # s, a third of what P is compared over: hump against its two sides
_P_REACH_S, _P_NEAR_S = 0.40, 0.03  # s before R and before QRS where a P may peak
_P_AFTER_T_S = 0.04  # s after the T before
_INVERTED = 0.7  # weight of hollows: P waves stand upright more often
_P_AREA_S, _P_END_AREA_S, _P_LEVEL_S = 0.08, 0.06, 0.016  # s, as for T, tuned as above
_P_SIDE_S = (0.015, 0.10)  # s from the peak of P to its beginning or end
_MIN_P_MV = 0.01  # mV; a lower hump is not told from noise (own)


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Times after R in ms (before R negative), shape (k,); NaN where not measurable."""

    p_onset_ms: Floats
    p_peak_ms: Floats
    p_end_ms: Floats
    onset_ms: Floats
    """Begin of QRS."""
    j_ms: Floats
    """End of QRS."""
    t_onset_ms: Floats
    t_peak_ms: Floats
    t_end_ms: Floats
    p_mv: Floats
    """Height of P above its own sides; negative for an inverted one, 0 for none."""
    r_mv: Floats
    """Height of R above the level before the QRS."""
    t_mv: Floats
    """Height of the T peak above the same level."""

    @property
    def pr_ms(self) -> Floats:
        """Interval from the begin of P to the begin of QRS."""
        return self.onset_ms - self.p_onset_ms

    @property
    def qt_ms(self) -> Floats:
        """Interval from QRS onset to T end."""
        return self.t_end_ms - self.onset_ms

    @property
    def qrs_ms(self) -> Floats:
        """Interval from QRS onset to J."""
        return self.j_ms - self.onset_ms


def delineate(wave_mv: Floats, r_index: int, fs: float, rr_s: Floats) -> Landmarks:
    """Find the boundaries of P, QRS and T in rows of signal.

    Parameters
    ----------
    wave_mv : ndarray of float64, shape (k, m)
        One beat or average beat a row, `BEFORE_S` before to `AFTER_S` after R or near it.
    r_index : int
        Column of R.
    fs : float
        Hz.
    rr_s : ndarray of float64, shape (k,)
        Interval before each beat, s; the one after is taken to be as long.

    Returns
    -------
    Landmarks
        No T boundary for a T lower than 0.05 mV, no P boundary where no hump of 0.01 mV
        stands between the T before and the QRS.
    """
    return _joined(
        _delineate(wave_mv[i : i + AT_ONCE], r_index, fs, rr_s[i : i + AT_ONCE])
        for i in range(0, len(wave_mv), AT_ONCE)
    )


def _joined(parts: Iterable[Landmarks]) -> Landmarks:
    known = list(parts)
    return Landmarks(
        *(
            np.concatenate([np.empty(0), *(getattr(part, field.name) for part in known)])
            for field in fields(Landmarks)
        )
    )


def _delineate(wave_mv: Floats, r_index: int, fs: float, rr_s: Floats) -> Landmarks:
    rr = np.clip(np.nan_to_num(rr_s, nan=0.8), 0.3, 2.0)
    smooth = _mean(wave_mv, _SMOOTH_S, fs)
    onset, j = _qrs(smooth, r_index, fs)
    room = np.full(len(rr), np.inf)
    t_end = _t_end(smooth, r_index, j, rr, room, fs)
    p_peak, p_mv = _p_peak(smooth, r_index, onset, t_end, rr, fs)
    p_onset, p_end = _p_sides(smooth, p_peak, onset, np.sign(p_mv), fs)
    none = p_mv == 0.0
    # T of this beat ends before P of the next, which lies as this one does.
    room = np.where(none, r_index + (rr - _NO_P_S) * fs, p_onset + rr * fs)
    t_end = _t_end(smooth, r_index, j, rr, room, fs)
    rows = np.arange(len(rr))
    base = _level(smooth, onset, fs)
    t_peak = _t_peak(smooth, base, j, t_end, fs)
    t_mv = smooth[rows, t_peak] - base
    ends = _tangent_end(smooth, j, t_peak, t_end, fs)
    begins = _tangent_begin(smooth, j, t_peak, fs)
    flat = np.abs(smooth[rows, t_peak] - smooth[rows, t_end]) < _MIN_T_MV

    def ms(place: NDArray[np.float64 | np.intp], missing: Flags | None = None) -> Floats:
        times: Floats = (place - r_index) * np.float64(1000.0 / fs)
        return times if missing is None else np.where(missing, np.nan, times)

    return Landmarks(
        p_onset_ms=ms(p_onset, none),
        p_peak_ms=ms(p_peak, none),
        p_end_ms=ms(p_end, none),
        onset_ms=ms(onset),
        j_ms=ms(j),
        t_onset_ms=ms(begins, flat),
        t_peak_ms=ms(t_peak, flat),
        t_end_ms=ms(ends, flat),
        p_mv=p_mv,
        r_mv=smooth[rows, r_index] - base,
        t_mv=t_mv,
    )


def delineate_beats(ecg_mv: Ecg, fs: float, r_peaks: Ints, rr_s: Floats) -> Landmarks:
    """Find the boundaries of single beats.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead in mV; the ends are continued, missing samples count as 0.
    fs : float
        Hz.
    r_peaks : ndarray of int64, shape (n_beats,)
        Which beats; only clean ones are worth it.
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each of them, s.

    Returns
    -------
    Landmarks
    """
    r = round(BEFORE_S * fs)
    return _joined(
        _delineate(
            rows_at(ecg_mv, r_peaks[i : i + AT_ONCE], fs), r, fs, rr_s[i : i + AT_ONCE]
        )
        for i in range(0, len(r_peaks), AT_ONCE)
    )


def rows_at(ecg_mv: Ecg, r_peaks: Ints, fs: float) -> Floats:
    """Cut one row a beat, R at column ``round(BEFORE_S * fs)``."""
    columns = np.arange(-round(BEFORE_S * fs), round(AFTER_S * fs) + 1)
    at = np.clip(r_peaks[:, None] + columns, 0, ecg_mv.size - 1)
    rows: Floats = ecg_mv[at]
    missing = ~np.isfinite(rows)
    if missing.any():
        rows[missing] = 0.0
    return rows


def median_rows(rows: Floats) -> Floats:
    """Median over the second axis; sorting a few rows beats `numpy.median` five times."""
    ordered = np.sort(rows, axis=1)
    half, odd = divmod(rows.shape[1], 2)
    if odd:
        return ordered[:, half].copy()  # a view would keep all the rows
    return np.asarray((ordered[:, half - 1] + ordered[:, half]) / 2.0)


def _mean(x: Floats, width_s: float, fs: float) -> Floats:
    even: Floats = ndimage.uniform_filter1d(x, max(1, round(width_s * fs)), axis=1)
    return even


def _qrs(x: Floats, r: int, fs: float) -> tuple[Places, Places]:
    """Columns where QRS begins and ends."""
    m = x.shape[1]
    column = np.arange(m)
    slope = np.abs(np.gradient(x, axis=1))
    steep = _mean(slope, _STEEP_S, fs)
    steep[:, np.abs(column - r) > round(0.1 * fs)] = 0.0
    top = steep.max(axis=1, keepdims=True)
    strong = steep >= _STEEP_SHARE * top
    strong[:, r] = True
    half = round(_QRS_GAP_S / 2.0 * fs)
    # Only what hangs together with R: a tall P wave is steep as well.
    near = ndimage.maximum_filter1d(strong, 2 * half + 1, axis=1)
    low = np.where(~near & (column < r), column, -1).max(axis=1, keepdims=True)
    high = np.where(~near & (column > r), column, m).min(axis=1, keepdims=True)
    inside = strong & (column > low) & (column < high)
    first = inside.argmax(axis=1)
    last = m - 1 - inside[:, ::-1].argmax(axis=1)
    rest = ndimage.maximum_filter1d(slope, max(2, round(_REST_S * fs)), axis=1)
    quiet = rest <= _REST_SHARE * top
    reach = round(_QRS_REACH_S * fs)
    before = quiet & (column < first[:, None]) & (column >= first[:, None] - reach)
    after = quiet & (column > last[:, None]) & (column <= last[:, None] + reach)
    begin = np.where(
        before.any(axis=1),
        m - 1 - before[:, ::-1].argmax(axis=1),
        np.maximum(first - reach, 0),
    )
    end = np.where(after.any(axis=1), after.argmax(axis=1), np.minimum(last + reach, m - 1))
    return begin, end


def _area(x: Floats, width_s: float, level_s: float, fs: float) -> Floats:
    """Surface between the signal of the last ``width_s`` and its level now."""
    m, width, level = x.shape[1], round(width_s * fs), max(1, round(level_s / 2.0 * fs))
    at = np.arange(m)
    low, high = np.maximum(at - level, 0), np.minimum(at + level + 1, m)
    # Running sum with its ends continued: column ``n + more`` is the sum before n.
    more = max(width, level)
    total = np.zeros((len(x), m + 1 + 2 * more))
    np.cumsum(x, axis=1, out=total[:, more + 1 : more + 1 + m])
    total[:, more + 1 + m :] = total[:, more + m, None]
    now = total[:, more + level + 1 :][:, :m] - total[:, more - level :][:, :m]
    now /= high - low
    surface: Floats = total[:, more + 1 :][:, :m] - total[:, more - width + 1 :][:, :m]
    surface -= np.minimum(at + 1, width) * now
    return surface


def _between(m: int, low: NDArray[Any], high: NDArray[Any]) -> Flags:
    """Columns from ``low`` to ``high`` of each row, one at least."""
    column = np.arange(m)
    floor = np.clip(np.ceil(low), 0, m - 1)[:, None]
    inside: Flags = (column >= floor) & (column <= np.maximum(high[:, None], floor))
    return inside


def _t_end(x: Floats, r: int, j: Places, rr: Floats, room: Floats, fs: float) -> Places:
    """Column where T ends, by area; the later half of a T wave of two halves counts."""
    # Search window as Zhang 2006 gives it for 250 Hz, in seconds.
    quick = rr < 0.88
    low = np.where(quick, 0.15 * rr + 0.148, 0.28)
    high = np.where(quick, 0.7 * rr - 0.036, 0.2 * rr + 0.404)
    inside = _between(
        x.shape[1], np.maximum(r + low * fs, j + 0.1 * fs), np.minimum(r + high * fs, room)
    )
    area = _area(x, _T_AREA_S, 2.0 * _T_LEVEL_S, fs)
    rows = np.arange(len(x))
    upright = np.where(inside, area, -np.inf).argmax(axis=1)
    inverted = np.where(inside, -area, -np.inf).argmax(axis=1)
    up, down = area[rows, upright], -area[rows, inverted]
    early, late = np.minimum(upright, inverted), np.maximum(upright, inverted)
    is_up = upright < inverted
    first, last = np.where(is_up, up, down), np.where(is_up, down, up)
    end = np.where(first > _T_LATER * np.maximum(last, 1e-9), early, late)
    # A second half of the other sign belongs to the T wave: it ends with that.
    sign = np.where(end == upright, 1.0, -1.0)
    later = inside & _between(x.shape[1], end + 1, end + _T_HALF_S * fs)
    second = np.where(later, -sign[:, None] * area, -np.inf).argmax(axis=1)
    size = -sign * area[rows, second]
    enough = later.any(axis=1) & (_SECOND_SHARE * size >= np.abs(area[rows, end]))
    chosen: Places = np.where(enough, second, end)
    return chosen


def _t_peak(x: Floats, base: Floats, j: Places, t_end: Places, fs: float) -> Places:
    first = np.maximum(j + 0.04 * fs, t_end - _T_FALL_S * fs)
    inside = _between(x.shape[1], first, t_end - 0.02 * fs)
    away = np.abs(x - base[:, None])
    peak: Places = np.where(inside, away, -1.0).argmax(axis=1)
    return peak


def _tangent_end(x: Floats, j: Places, t_peak: Places, t_end: Places, fs: float) -> Floats:
    """Where the steepest return of T meets the level behind it."""
    rows = np.arange(len(x))
    behind = np.minimum(t_end + round(0.02 * fs), x.shape[1] - 1)
    level = _mean(x, 0.04, fs)[rows, behind]
    sign = np.sign(_area(x, 0.1, 1.0 / fs, fs)[rows, t_end])
    inside = _between(x.shape[1], np.maximum(t_end - _TANGENT_S * fs, j), t_end + 0.02 * fs)
    met = _tangent(x, inside, -sign, level, fs)
    return np.where(np.isfinite(met) & (np.abs(met - t_end) < 0.08 * fs), met, t_end)


def _tangent_begin(x: Floats, j: Places, t_peak: Places, fs: float) -> Floats:
    """Where the steepest rise to the T peak meets the level after J."""
    rows = np.arange(len(x))
    level = _mean(x, 0.02, fs)[rows, np.minimum(j + round(0.02 * fs), x.shape[1] - 1)]
    sign = np.sign(x[rows, t_peak] - level)
    met = _tangent(x, _between(x.shape[1], j, t_peak), sign, level, fs)
    return np.clip(np.where(np.isfinite(met), met, j), j, t_peak)


def _tangent(x: Floats, inside: Flags, sign: Floats, level: Floats, fs: float) -> Floats:
    """Where the steepest slope of a sign meets a level."""
    rows = np.arange(len(x))
    gentle = _mean(x, 0.03, fs)
    slope = sign[:, None] * np.gradient(gentle, axis=1)
    steepest = np.where(inside, slope, -np.inf).argmax(axis=1)
    rate = slope[rows, steepest]
    height = sign * (level - gentle[rows, steepest])
    with np.errstate(divide="ignore", invalid="ignore"):
        met: Floats = np.where(rate > 0.0, steepest + height / rate, np.nan)
    return met


def _p_peak(
    x: Floats, r: int, onset: Places, t_end: Places, rr: Floats, fs: float
) -> tuple[Places, Floats]:
    """Column and height of the hump or hollow that stands out most; height 0 for none."""
    m = x.shape[1]
    rows, column = np.arange(len(x)), np.arange(m)
    held = np.where(column > onset[:, None], x[rows, onset][:, None], x)
    third, step = _mean(held, _HAT_S, fs), round(_HAT_S * fs)
    wide = np.pad(third, ((0, 0), (step, step)), mode="edge")
    stands = third - (wide[:, :m] + wide[:, 2 * step :]) / 2.0
    weight = np.maximum(stands, -_INVERTED * stands)
    size = np.abs(stands)
    top = np.ones(size.shape, dtype=bool)
    top[:, 1:] &= size[:, 1:] >= size[:, :-1]
    top[:, :-1] &= size[:, :-1] >= size[:, 1:]
    # The T wave before ends as long after its R as this one does.
    first = np.maximum(r - _P_REACH_S * fs, t_end + (_P_AFTER_T_S - rr) * fs)
    allowed = (column >= first[:, None]) & (column <= onset[:, None] - _P_NEAR_S * fs)
    weight = np.where(allowed & top, weight, 0.0)
    peak = weight.argmax(axis=1)
    height = np.where(weight[rows, peak] >= _MIN_P_MV, stands[rows, peak], 0.0)
    return peak, height


def _p_sides(
    x: Floats, peak: Places, onset: Places, sign: Floats, fs: float
) -> tuple[Places, Places]:
    near, far = (s * fs for s in _P_SIDE_S)
    y, m = sign[:, None] * x, x.shape[1]
    end = np.where(
        _between(m, peak + near, np.minimum(peak + far, onset)),
        _area(y, _P_END_AREA_S, 2.0 * _P_LEVEL_S, fs),
        -np.inf,
    ).argmax(axis=1)
    back = _area(y[:, ::-1], _P_AREA_S, 2.0 * _P_LEVEL_S, fs)[:, ::-1]
    begin = np.where(_between(m, peak - far, peak - near), back, -np.inf).argmax(axis=1)
    return begin, end


def _level(x: Floats, onset: Places, fs: float) -> Floats:
    """Mean of the 20 ms before the QRS onset."""
    at = np.maximum(onset - round(0.01 * fs), 0)
    level: Floats = _mean(x, 0.02, fs)[np.arange(len(x)), at]
    return level
