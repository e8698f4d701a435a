"""The only file that imports neurokit2.

Its wave delineation and variability indices serve as a second opinion: in tests, and in
the benchmark tables. Nothing of a report depends on it, as it is too slow for a day and
fails on signals this room must answer for.
"""

from typing import Final

import neurokit2
import numpy as np
from numpy.typing import NDArray

from analytics.types import Ecg, RPeaks

VERSION: Final[str] = str(neurokit2.__version__)
"""Version for benchmark tables."""

_TIME: Final = {
    "mean_nn_ms": "HRV_MeanNN",
    "sdnn_ms": "HRV_SDNN",
    "rmssd_ms": "HRV_RMSSD",
    "sdsd_ms": "HRV_SDSD",
    "pnn50_pct": "HRV_pNN50",
}

_WAVES: Final = {
    "p_onset": "ECG_P_Onsets",
    "p_offset": "ECG_P_Offsets",
    "qrs_onset": "ECG_R_Onsets",
    "qrs_offset": "ECG_R_Offsets",
    "t_onset": "ECG_T_Onsets",
    "t_offset": "ECG_T_Offsets",
}


def hrv_numbers(nn_ms: NDArray[np.float64]) -> dict[str, float]:
    """Variability by neurokit2, of intervals that all touch.

    Parameters
    ----------
    nn_ms : ndarray, shape (n,)

    Returns
    -------
    dict
        ``mean_nn_ms sdnn_ms rmssd_ms sdsd_ms pnn50_pct``.
    """
    intervals = {"RRI": nn_ms, "RRI_Time": np.cumsum(nn_ms) / 1000.0}
    time = neurokit2.hrv_time(intervals, sampling_rate=1000)
    return {name: float(time[column].iloc[0]) for name, column in _TIME.items()}


def detect_r_peaks(ecg_mv: Ecg, fs: float) -> RPeaks:
    """R peaks by neurokit2's own cleaning and detector, for comparison tables."""
    cleaned = neurokit2.ecg_clean(ecg_mv, sampling_rate=fs)
    _, info = neurokit2.ecg_peaks(cleaned, sampling_rate=fs)
    return np.asarray(info["ECG_R_Peaks"], dtype=np.int64)


def delineate(ecg_mv: Ecg, fs: float, r_peaks: RPeaks) -> dict[str, NDArray[np.float64]]:
    """P, QRS and T boundaries by discrete wavelets, as sample positions; NaN if none.

    Returns
    -------
    dict
        ``p_onset p_offset qrs_onset qrs_offset t_onset t_offset``, each one per beat.
    """
    _, waves = neurokit2.ecg_delineate(ecg_mv, r_peaks, sampling_rate=fs, method="dwt")
    return {
        ours: np.asarray(waves[theirs], dtype=np.float64) for ours, theirs in _WAVES.items()
    }
