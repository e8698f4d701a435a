"""Ventricular fibrillation, flutter and fast wide rhythms from the waveform alone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics import _model
from analytics.rhythm_waveform import (
    FEATURES,
    WINDOW_S,
    cut_windows,
    peak_to_peak_mv,
    window_features,
)
from analytics.types import Ecg, Flags

VF_THRESHOLD: Final = 0.5
"""`vf_likeness` above this: the window is ventricular flutter, fibrillation or as fast."""
MIN_HEIGHT_MV: Final = 0.12  # mV peak to peak; lower is asystole, not fibrillation
SLOW_PERIOD_S: Final = 60.0 / 118.0  # s; steady wide beats slower than 118/min: no VF
STEADY: Final = 0.7  # autocorrelation at the period from which beats count as steady


def vf_likeness(ecg_mv: Ecg, fs: float) -> float:
    """Say how much 4 s of ECG look like ventricular fibrillation or flutter.

    Ventricular tachycardia too fast to show rest between complexes scores high as well.
    Gradient-boosted trees on the numbers of `analytics.rhythm_waveform`, trained across
    patients by `analytics.training.rhythm_vf`, with two rules on top: under 0.12 mV it
    is no fibrillation but asystole, and a steady rhythm under 118/min is neither.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead in mV; the last 4 s are used. NaN is taken as zero.
    fs : float
        Sampling frequency in Hz, 100 to 1000.

    Returns
    -------
    float
        0 to 1, to be held against `VF_THRESHOLD`; 0 if there are less than 4 s.
    """
    length = round(WINDOW_S * fs)
    if ecg_mv.size < length:
        return 0.0
    return float(vf_likeness_at(ecg_mv, fs, np.array([ecg_mv.size - length]))[0])


def vf_likeness_at(
    ecg_mv: Ecg, fs: float, starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """`vf_likeness` of many windows of one recording.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead in mV.
    fs : float
        Sampling frequency in Hz.
    starts : ndarray of int64, shape (n_windows,)
        First sample of each window; all 4 s must lie inside the signal.

    Returns
    -------
    ndarray of float64, shape (n_windows,)
    """
    return examine(ecg_mv, fs, starts).likeness


@dataclass(frozen=True, slots=True)
class WindowScores:
    """What `examine` says of each window, arrays of shape (n_windows,)."""

    likeness: NDArray[np.float64]
    """0 to 1."""
    steady: Flags
    """The window repeats itself."""
    bpm: NDArray[np.float64]
    """Rate at which it does, /min."""


def examine(ecg_mv: Ecg, fs: float, starts: NDArray[np.int64]) -> WindowScores:
    """`vf_likeness_at` with the rate and the steadiness of each window.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead in mV.
    fs : float
        Sampling frequency in Hz.
    starts : ndarray of int64, shape (n_windows,)
        First sample of each window; all 4 s must lie inside the signal.

    Returns
    -------
    WindowScores
    """
    likeness, bpm = np.zeros(starts.size), np.zeros(starts.size)
    steady = np.zeros(starts.size, dtype=bool)
    step = 96  # windows at a time: their arrays stay within the processor's cache
    for i in range(0, starts.size, step):
        windows = cut_windows(ecg_mv, fs, starts[i : i + step])
        features = window_features(windows)
        period = features[:, FEATURES.index("period_s")]
        part = slice(i, i + step)
        steady[part] = features[:, FEATURES.index("periodicity")] > STEADY
        bpm[part] = 60.0 / np.maximum(period, 1e-3)
        score = _model.load("rhythm_vf").run({"features": features.astype(np.float32)})
        value = score["likeness"].astype(np.float64).reshape(-1)
        value[steady[part] & (period > SLOW_PERIOD_S)] *= 0.3
        value[peak_to_peak_mv(windows) < MIN_HEIGHT_MV] = 0.0
        likeness[part] = value
    return WindowScores(likeness, steady, bpm)
