"""From any sampling rate to the one grid that detection works on, piece by piece.

Every filter here has a finite impulse response of known length, so a stretch of signal
filtered in pieces equals the same stretch filtered whole, bit by bit: that is what makes
the live answer equal the batch answer by construction and not by tolerance.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from analytics.errors import BadSamplingRate, BadShape
from analytics.types import Ecg, Flags, Leads

GRID_HZ = 125
"""Rate of the detection grid: QRS energy ends near 40 Hz (doi:10.1109/TBME.1984.325393)."""
HIGH_PASS_HALF = 50
"""Half length of the baseline window in grid samples (0.4 s: cut-off about 1.4 Hz)."""
_ZERO_CROSSINGS = 6


@dataclass(frozen=True, slots=True)
class Resampling:
    """A rational rate change with a finite, symmetric kernel."""

    up: int
    down: int
    kernel: NDArray[np.float64]
    """Linear phase, odd length, centre at `centre`."""
    centre: int

    @property
    def reach(self) -> int:
        """Input samples that an output sample needs on either side."""
        return self.centre // self.up + 2


def check_fs(fs: float) -> None:
    """Refuse a sampling rate outside 100 to 1000 Hz.

    Raises
    ------
    BadSamplingRate
    """
    if not (100.0 <= fs <= 1000.0):
        raise BadSamplingRate(fs=fs)


def one_lead(ecg_mv: Leads | Ecg) -> Ecg:
    """Return the signal as float64, shape (n_samples,); a single column is squeezed.

    Raises
    ------
    BadShape
        There is more than one lead, or more than two dimensions.
    """
    ecg = np.asarray(ecg_mv, dtype=np.float64)
    if ecg.ndim == 2 and ecg.shape[1] == 1:
        ecg = ecg[:, 0]
    if ecg.ndim != 1:
        raise BadShape(shape=tuple(ecg.shape), expected="(n_samples,)")
    return ecg


def all_leads(ecg_mv: Leads | Ecg) -> Leads:
    """Return the signal as float64, shape (n_samples, n_leads).

    Raises
    ------
    BadShape
        There are no or more than two dimensions.
    """
    ecg = np.asarray(ecg_mv, dtype=np.float64)
    if ecg.ndim == 1:
        ecg = ecg[:, None]
    if ecg.ndim != 2 or ecg.shape[1] == 0:
        raise BadShape(shape=tuple(ecg.shape), expected="(n_samples, n_leads)")
    return ecg


@lru_cache(maxsize=64)
def resampling(fs: float, out_hz: int = GRID_HZ) -> Resampling:
    """Design the rate change from ``fs`` to ``out_hz`` (Kaiser window, beta 6)."""
    ratio = (Fraction(out_hz) / Fraction(fs).limit_denominator(1000)).limit_denominator(
        2000
    )
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return Resampling(1, 1, np.ones(1), 0)
    widest = max(up, down)
    # A multiple of both keeps every piece on the same output phase.
    centre = _ZERO_CROSSINGS * widest
    centre += -centre % down
    kernel = signal.firwin(2 * centre + 1, 0.92 / widest, window=("kaiser", 6.0)) * up
    return Resampling(up, down, kernel, centre)


def resample_span(
    ecg: Ecg, rate: Resampling, start: int, first_out: int, end_out: int
) -> Ecg:
    """Compute the output samples ``first_out`` up to ``end_out`` of a segment.

    Parameters
    ----------
    ecg : ndarray of float64, shape (n_samples,)
        Part of the segment; must cover the kernel's reach except where the segment ends.
        Outside of ``ecg`` its first and last value are continued.
    rate : Resampling
        From `resampling`.
    start : int
        Segment position of ``ecg[0]``.
    first_out, end_out : int
        Output positions; output ``n`` lies at input position ``n * down / up``.
    """
    if end_out <= first_out:
        return np.empty(0)
    if rate.up == rate.down:
        return _extended(ecg, first_out - start, end_out - start).copy()
    # Begin on a multiple of `down`, so that output phases line up whatever the piece is.
    low = (first_out * rate.down - rate.centre) // rate.up - 1
    low = (low // rate.down) * rate.down
    high = ((end_out - 1) * rate.down + rate.centre) // rate.up + 2
    piece = _extended(ecg, low - start, high - start)
    filtered = signal.upfirdn(rate.kernel, piece, rate.up, rate.down)
    begin = first_out - low // rate.down * rate.up + rate.centre // rate.down
    return np.asarray(filtered[begin : begin + end_out - first_out])


def _extended(ecg: Ecg, low: int, high: int) -> Ecg:
    """Slice with the edge values continued beyond both ends."""
    inner = ecg[max(low, 0) : max(min(high, ecg.size), 0)]
    before, after = max(-low, 0), max(high - ecg.size, 0)
    if before == 0 and after == 0:
        return inner
    return np.concatenate([np.full(before, ecg[0]), inner, np.full(after, ecg[-1])])


@lru_cache(maxsize=8)
def _baseline_kernel(half: int) -> NDArray[np.float64]:
    window = signal.windows.hann(2 * half + 3)[1:-1]
    kernel = -window / window.sum()
    kernel[half] += 1.0
    return np.asarray(kernel)


def high_pass_valid(grid: Ecg, half: int = HIGH_PASS_HALF) -> Ecg:
    """Subtract a Hann-weighted moving mean; ``half`` samples are lost at each end."""
    if grid.size <= 2 * half:
        return np.empty(0)
    return np.asarray(signal.oaconvolve(grid, _baseline_kernel(half), mode="valid"))


def fill_holes(ecg: Ecg) -> tuple[Ecg, Flags]:
    """Bridge NaN by straight lines.

    Returns
    -------
    filled : ndarray of float64, shape (n_samples,)
    missing : ndarray of bool, shape (n_samples,)
    """
    missing = ~np.isfinite(ecg)
    if not missing.any():
        return ecg, missing
    filled = ecg.copy()
    if missing.all():
        filled[:] = 0.0
        return filled, missing
    # Hole by hole: arrays of all that is there would weigh more than the signal.
    for first, end in runs(missing).tolist():
        before = ecg[first - 1] if first else ecg[end]
        after = ecg[end] if end < ecg.size else before
        slope = (after - before) / (end - first + 1)
        filled[first:end] = slope * np.arange(1, end - first + 1) + before
    return filled, missing


def project(
    rows: NDArray[np.floating[Any]], vector: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Scalar product of each row with a vector, on one thread.

    ``@`` wakes all threads of the linear algebra library, which then spin for longer than
    such a small product takes: on a day of signal that doubles the CPU time.
    """
    return np.asarray(np.einsum("ij,j->i", rows, vector))


def runs(flags: Flags) -> NDArray[np.int64]:
    """Return the stretches of truth as rows of (first, end), shape (n_runs, 2)."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.column_stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)])


def band_pass(ecg: Ecg, fs: float, low_hz: float, high_hz: float) -> Ecg:
    """Second-order Butterworth band-pass run both ways, for whole stretches."""
    if ecg.size < 16:
        return np.zeros_like(ecg)
    high_hz = min(high_hz, 0.45 * fs)
    sos = signal.butter(2, [low_hz, high_hz], "bandpass", fs=fs, output="sos")
    return np.asarray(signal.sosfiltfilt(sos, ecg, padlen=min(ecg.size - 1, int(fs))))


def remove_baseline(ecg: Ecg, fs: float) -> Ecg:
    """Subtract a running median of 0.2 s, then of 0.6 s (doi:10.1109/TBME.2004.827359).

    The medians are taken on a 50-Hz grid, which is enough for a baseline.
    """
    step = max(1, round(fs / 50.0))
    coarse = ecg[: ecg.size // step * step].reshape(-1, step).mean(axis=1)
    if coarse.size < 31:
        return ecg - np.median(ecg) if ecg.size else ecg
    smooth = ndimage.median_filter(coarse, 11, mode="nearest")
    smooth = ndimage.median_filter(smooth, 31, mode="nearest")
    centres = (np.arange(coarse.size) + 0.5) * step - 0.5
    return np.asarray(ecg - np.interp(np.arange(ecg.size), centres, smooth))


def second_ranges(high_passed: Ecg) -> Ecg:
    """Peak-to-peak amplitude of each whole second of the detection grid, mV."""
    whole = high_passed[: high_passed.size // GRID_HZ * GRID_HZ].reshape(-1, GRID_HZ)
    return np.asarray(np.ptp(whole, axis=1)) if whole.size else np.empty(0)


SHORT_MEMORY_S, LONG_MEMORY_S = 30, 300
_SMALLEST_MV = 0.02
"""Below this there is no ECG to scale up (a patch resolves a few microvolts)."""


def amplitude_scale(ranges: Ecg, first: int) -> Ecg:
    """QRS amplitude known at each second from ``first`` on, from that and past seconds.

    The 70th percentile of the last 30 s finds the QRS even at 30 bpm; never below three
    tenths of the 5-min median, so that noise is not blown up when the heart stops.

    Parameters
    ----------
    ranges : ndarray of float64, shape (n_seconds,)
        From `second_ranges`, oldest first.
    first : int
        First second to answer for.

    Returns
    -------
    ndarray of float64, shape (n_seconds - first,)
        mV, at least 0.02.
    """
    short = _past_quantile(ranges, first, SHORT_MEMORY_S, 0.7)
    long = _past_quantile(ranges, first, LONG_MEMORY_S, 0.5)
    return np.maximum(np.maximum(short, 0.3 * long), _SMALLEST_MV)


def _past_quantile(values: Ecg, first: int, memory: int, share: float) -> Ecg:
    """Quantile (higher neighbour) of the last ``memory`` values, fewer at the beginning."""
    out = np.empty(values.size - first)
    for index in range(first, min(values.size, memory - 1)):
        past = np.sort(values[: index + 1])
        out[index - first] = past[int(share * (past.size - 1) + 0.5)]
    begin = max(first, memory - 1)
    rank = int(share * (memory - 1) + 0.5)
    if begin < values.size:
        known = values[begin - memory + 1 :]
        around = ndimage.rank_filter(known, rank, size=memory)
        # The filter is centred; a window that ends at n is centred half of it earlier.
        out[begin - first :] = around[memory // 2 : memory // 2 + values.size - begin]
    return out
