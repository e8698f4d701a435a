"""What 4 s of ECG look like when no beats are asked for.

The numbers tell fibrillation, flutter and fast wide rhythms from beats with rest between
them. Each number has a reason: in fibrillation the energy gathers around one frequency
(concentration, leakage), there is no resting line (quiet shares), steep slopes are not
kept for short complexes (steepness), and amplitudes are spread like those of noise.
None depends on the scale or the polarity of the signal.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.filters import project
from analytics.types import Ecg

WINDOW_S: Final = 4.0
"""s; long enough for three beats at 45 bpm, short enough for an alarm within 5 s."""
_FS: Final = 125.0  # Hz, on which the window is looked at
_N: Final = 500
_LOW_HZ: Final = 0.8  # below: wander
_HIGH_HZ: Final = 30.0  # above: muscle and mains

FEATURES: Final = (
    "main_hz",
    "concentration",
    "second_harmonic",
    "third_harmonic",
    "subharmonic",
    "flatness",
    "mean_hz",
    "spread_hz",
    "share_2_8_hz",
    "share_over_10_hz",
    "share_under_2_hz",
    "quartile1_level",
    "median_level",
    "quartile3_level",
    "quartile1_slope",
    "median_slope",
    "quartile3_slope",
    "flat_share",
    "high_share",
    "kurtosis",
    "skewness",
    "slope_kurtosis",
    "crossings_hz",
    "periodicity",
    "period_s",
    "antiphase",
    "leakage_mean",
    "leakage_main",
    "steepness",
    "unevenness",
    "smallest_second",
)
"""Columns of `window_features`, in order."""

Windows = NDArray[np.float64]
Features = NDArray[np.float64]


def cut_windows(ecg_mv: Ecg, fs: float, starts: NDArray[np.int64]) -> Windows:
    """Cut 4-s windows and bring them to 125 Hz and 0.8 to 30 Hz.

    Each window is treated alone (linear trend off, then its own spectrum cut), so that a
    window of a stream and the same window of a whole recording give the same numbers.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead in mV, NaN allowed (taken as zero).
    fs : float
        Sampling frequency in Hz.
    starts : ndarray of int64, shape (n_windows,)
        First samples; each window must lie inside the signal.

    Returns
    -------
    ndarray of float64, shape (n_windows, 500)
    """
    length = round(WINDOW_S * fs)
    if starts.size == 0:
        return np.zeros((0, _N))
    view = np.lib.stride_tricks.sliding_window_view(ecg_mv, length)
    x = np.nan_to_num(view[starts])
    ramp = np.linspace(-1.0, 1.0, length)
    x = x - x.mean(axis=1, keepdims=True)
    x -= (project(x, ramp) / (ramp @ ramp))[:, None] * ramp
    spectrum = np.fft.rfft(x, axis=1)[:, : _N // 2 + 1] * (_N / length)
    hz = np.arange(spectrum.shape[1]) * (fs / length)
    spectrum[:, (hz < _LOW_HZ) | (hz > _HIGH_HZ)] = 0.0
    windows: Windows = np.fft.irfft(spectrum, _N, axis=1)
    return windows


def peak_to_peak_mv(windows: Windows) -> NDArray[np.float64]:
    """Height of each window between its 2nd and 98th percentile, mV."""
    ordered = np.sort(windows, axis=1)
    height: NDArray[np.float64] = ordered[:, int(0.98 * _N)] - ordered[:, int(0.02 * _N)]
    return height


def window_features(windows: Windows) -> Features:
    """Measure windows.

    Parameters
    ----------
    windows : ndarray of float64, shape (n_windows, 500)
        From `cut_windows`.

    Returns
    -------
    ndarray of float64, shape (n_windows, len(FEATURES))
        Finite for every input, flat windows included.
    """
    x = windows
    spectrum = _spectral(x)
    shape = _shape(x)
    period = _periodicity(x)
    leaks = _leakage(x, spectrum["mean_hz"], spectrum["main_hz"])
    columns = {**spectrum, **shape, **period, **leaks}
    return np.nan_to_num(np.stack([columns[name] for name in FEATURES], axis=1))


def _spectral(x: Windows) -> dict[str, NDArray[np.float64]]:
    power = np.abs(np.fft.rfft(x * np.hanning(_N), 1024, axis=1)) ** 2
    hz = np.fft.rfftfreq(1024, 1.0 / _FS)
    total = power[:, (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)].sum(axis=1) + 1e-12
    search = (hz >= 1.0) & (hz <= 10.0)
    main = hz[search][power[:, search].argmax(axis=1)]
    running = np.concatenate([np.zeros((len(x), 1)), np.cumsum(power, axis=1)], axis=1)
    step = hz[1]

    def near(centre: NDArray[np.float64], width: float) -> NDArray[np.float64]:
        low = np.clip(np.ceil((centre - width) / step), 0, hz.size).astype(int)
        high = np.clip(np.floor((centre + width) / step) + 1, 0, hz.size).astype(int)
        at = np.arange(len(x))
        share: NDArray[np.float64] = (running[at, high] - running[at, low]) / total
        return share

    band = (hz >= 1.0) & (hz <= 20.0)
    density = power[:, band] / (power[:, band].sum(axis=1, keepdims=True) + 1e-12)
    mean = project(density, hz[band])
    spread = np.sqrt(np.maximum(project(density, hz[band] ** 2) - mean**2, 0.0))
    flatness = np.exp(np.log(density + 1e-9).mean(axis=1)) / (density.mean(axis=1) + 1e-12)
    return {
        "main_hz": main,
        "concentration": near(main, 0.6),
        "second_harmonic": near(2 * main, 0.6),
        "third_harmonic": near(3 * main, 0.6),
        "subharmonic": near(main / 2, 0.4),
        "flatness": flatness,
        "mean_hz": mean,
        "spread_hz": spread,
        "share_2_8_hz": power[:, (hz >= 2) & (hz <= 8)].sum(axis=1) / total,
        "share_over_10_hz": power[:, hz >= 10].sum(axis=1) / total,
        "share_under_2_hz": power[:, hz <= 2].sum(axis=1) / total,
    }


def _quantiles(
    ordered: NDArray[np.float64], *shares: float
) -> tuple[NDArray[np.float64], ...]:
    last = ordered.shape[1] - 1
    return tuple(ordered[:, round(share * last)] for share in shares)


def _shape(x: Windows) -> dict[str, NDArray[np.float64]]:
    slope = np.diff(x, axis=1)
    level = np.sort(np.abs(x), axis=1)
    steep = np.sort(np.abs(slope), axis=1)
    # The 98th percentile stands for "high": one artefact does not move it.
    q1, q2, q3, top = _quantiles(level, 0.25, 0.5, 0.75, 0.98)
    s1, s2, s3, steepest = _quantiles(steep, 0.25, 0.5, 0.75, 0.98)
    top, steepest = top + 1e-6, steepest + 1e-9
    energy = steep**2
    tenth = energy.shape[1] // 10
    centred = x - x.mean(axis=1, keepdims=True)
    sd = centred.std(axis=1) + 1e-9
    # Products: `**3` and `**4` cost fifty times as much.
    square, power = centred * centred, slope * slope
    peaks = np.abs(x).reshape(len(x), 4, _N // 4).max(axis=2)
    return {
        "quartile1_level": q1 / top,
        "median_level": q2 / top,
        "quartile3_level": q3 / top,
        "quartile1_slope": s1 / steepest,
        "median_slope": s2 / steepest,
        "quartile3_slope": s3 / steepest,
        "flat_share": (steep < 0.1 * steepest[:, None]).mean(axis=1),
        "high_share": (level > 0.2 * top[:, None]).mean(axis=1),
        "kurtosis": (square * square).mean(axis=1) / sd**4,
        "skewness": np.abs((square * centred).mean(axis=1)) / sd**3,
        "slope_kurtosis": (power * power).mean(axis=1) / (power.mean(axis=1) ** 2 + 1e-24),
        "crossings_hz": np.diff(np.signbit(x), axis=1).sum(axis=1) / WINDOW_S,
        "steepness": energy[:, -tenth:].sum(axis=1) / (energy.sum(axis=1) + 1e-15),
        "unevenness": peaks.std(axis=1) / (peaks.mean(axis=1) + 1e-9),
        "smallest_second": peaks.min(axis=1) / (peaks.max(axis=1) + 1e-9),
    }


def _periodicity(x: Windows) -> dict[str, NDArray[np.float64]]:
    power = np.abs(np.fft.rfft(x, 1024, axis=1)) ** 2
    last = int(1.5 * _FS)  # 40 bpm: the longest period that 4 s can show twice
    first = int(0.15 * _FS)  # 400 per minute
    lagged = np.fft.irfft(power, 1024, axis=1)[:, : last + 1]
    lagged = lagged / (lagged[:, :1] + 1e-12) * (_N / (_N - np.arange(last + 1)))
    inner = lagged[:, 1:-1]
    peak = (inner > lagged[:, :-2]) & (inner >= lagged[:, 2:])
    peak[:, :first] = False
    height = np.where(peak, inner, -1.0)
    best = height.max(axis=1)
    # The first lag nearly as good as the best: multiples of a period fit as well as it.
    at = (height >= (0.85 * best)[:, None]).argmax(axis=1) + 1
    return {
        "periodicity": best,
        "period_s": at / _FS,
        "antiphase": lagged[:, :last].min(axis=1),
    }


def _leakage(
    x: Windows, mean_hz: NDArray[np.float64], main_hz: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Add the signal to itself half a period later: a sine wave cancels [1]_.

    .. [1] S. Kuo, R. Dillman, Computers in Cardiology 1978: 347-349.
    """
    out: dict[str, NDArray[np.float64]] = {}
    for name, hz in (("leakage_mean", mean_hz), ("leakage_main", main_hz)):
        half = np.clip(np.round(_FS / (2 * np.maximum(hz, 0.5))), 3, 62).astype(int)
        source = np.arange(_N)[None, :] - half[:, None]
        valid = source >= 0
        late = np.take_along_axis(x, np.maximum(source, 0), axis=1)
        left = (np.abs(x + late) * valid).sum(axis=1)
        out[name] = left / (((np.abs(x) + np.abs(late)) * valid).sum(axis=1) + 1e-9)
    return out
