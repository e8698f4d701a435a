"""Supraventricular ectopic beats, told by timing against the patient's own rhythm.

Learners fitted on the few patients who have such beats call every early beat of atrial
fibrillation one. The reasons used here hold for everybody: a premature beat is early
against the slow side of the rhythm of the last minutes, and where intervals change all
the time nothing can be premature.
"""

import numpy as np
from numpy.typing import NDArray

from analytics import beat_features
from analytics.beat_features import Measures
from analytics.types import Flags

Vector = NDArray[np.float64]
EARLY = 0.87
"""Interval over reference from which a beat is premature in a regular rhythm."""
_STEEP = 0.02
_IRREGULAR = 0.09
"""Median change between intervals, over the reference, that ends all prematurity."""


def evidence(measures: Measures, rr_s: Vector, ventricular: Flags) -> Vector:
    """Probability-like evidence that each beat is a supraventricular ectopic.

    Parameters
    ----------
    measures : Measures
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each beat; NaN after a gap.
    ventricular : ndarray of bool, shape (n_beats,)
        Beats already known to be ventricular.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        0 to 1; 0 for ventricular beats and beats without an interval.
    """
    out = np.zeros(rr_s.size)
    after_v = np.concatenate([[False], ventricular[:-1]])
    plain = np.flatnonzero(np.isfinite(rr_s) & ~ventricular & ~after_v)
    if plain.size < 8:
        return out
    rr = rr_s[plain]
    reference = beat_features.rolling_quantile(rr, 40, 0.65)
    change = np.abs(np.diff(rr, prepend=rr[:1])) / reference
    irregular = beat_features.rolling_quantile(change, 20, 0.5)
    limit = EARLY - 0.6 * irregular
    ratio = rr / reference
    odds = (limit - ratio) / _STEEP
    odds[irregular > _IRREGULAR] = -10.0
    out[plain] = 1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))
    return out
