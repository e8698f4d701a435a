"""Ventricular fibrillation, flutter and fast wide rhythms from the waveform alone."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics import _model
from analytics.rhythm_waveform import (
    FEATURES,
    WINDOW_S,
    Windows,
    cut_windows,
    peak_to_peak_mv,
    window_features,
)
from analytics.types import Ecg

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
    out = np.zeros(starts.size)
    step = 1024  # windows at a time: 4 MB, so that a day does not fill the memory
    for i in range(0, starts.size, step):
        out[i : i + step] = _score(cut_windows(ecg_mv, fs, starts[i : i + step]))
    return out


def _score(windows: Windows) -> NDArray[np.float64]:
    if len(windows) == 0:
        return np.zeros(0)
    features = window_features(windows)
    model = _model.load("rhythm_vf")
    score = model.run({"features": features.astype(np.float32)})["likeness"]
    likeness = score.astype(np.float64).reshape(-1)
    period = features[:, FEATURES.index("period_s")]
    steady = features[:, FEATURES.index("periodicity")] > STEADY
    likeness[steady & (period > SLOW_PERIOD_S)] *= 0.3
    likeness[peak_to_peak_mv(windows) < MIN_HEIGHT_MV] = 0.0
    return likeness
