"""What a beat looks like: asymmetric Gaussian waves of the heart's vector, and leads.

Each wave is a vector (x to the left, y to the feet, z to the back, mV) with a place
relative to the R peak. Leads are projections of their sum, so all leads of a patch
belong to the same heart.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadScenario
from sensors.virtual.rhythms import HeartBeat, Shape

Wave = tuple[float, float, float, float, float, float]
"""Peak after R in s, width before and after the peak in s (1 SD), then x, y, z in mV."""

# Dower, Machado, Osborne 1980, Clin Cardiol 3:87: ECG leads from the vectorcardiogram.
_DOWER: Mapping[str, tuple[float, float, float]] = {
    "I": (0.632, -0.235, 0.059),
    "II": (0.235, 1.066, -0.132),
    "V1": (-0.515, 0.157, -0.917),
    "V2": (0.044, 0.164, -1.387),
    "V3": (0.882, 0.098, -1.277),
    "V4": (1.213, 0.127, -0.601),
    "V5": (1.125, 0.127, -0.086),
    "V6": (0.831, 0.076, 0.230),
}
TWELVE_LEADS = (
    "I",
    "II",
    "III",
    "aVR",
    "aVL",
    "aVF",
    "V1",
    "V2",
    "V3",
    "V4",
    "V5",
    "V6",
)
QTC_S = 0.405
QT_MEMORY = 0.85  # the QT follows RR with a lag of some beats
LONGEST_REACH_S = 0.75  # no wave of a beat lies farther from its R peak


def lead_projection(lead_names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the matrix that turns the heart's vector into leads.

    Parameters
    ----------
    lead_names : tuple of str
        1 to 12 names out of `TWELVE_LEADS`; ``ECG`` is a patch over the heart, close
        to lead II with a part of V5.

    Returns
    -------
    ndarray of float64, shape (3, n_leads)

    Raises
    ------
    BadScenario
        An unknown lead, or none, or more than 12.
    """
    if not 1 <= len(lead_names) <= 12:
        raise BadScenario(field="lead_names", value=lead_names)
    first, second = np.array(_DOWER["I"]), np.array(_DOWER["II"])
    table = {name: np.array(row) for name, row in _DOWER.items()}
    table["III"] = second - first
    table["aVR"] = -(first + second) / 2
    table["aVL"] = first - second / 2
    table["aVF"] = second - first / 2
    table["ECG"] = 0.75 * second + 0.25 * np.array(_DOWER["V5"])
    unknown = [name for name in lead_names if name not in table]
    if unknown:
        raise BadScenario(field="lead_names", value=unknown)
    return np.stack([table[name] for name in lead_names], axis=1)


_P: tuple[Wave, ...] = (
    (0.040, 0.020, 0.020, 0.030, 0.080, -0.040),
    (0.072, 0.018, 0.022, 0.045, 0.055, 0.025),
)
"""P wave, relative to its onset."""

_QRS: Mapping[Shape, tuple[Wave, ...]] = {
    Shape.NORMAL: (
        (-0.022, 0.006, 0.006, -0.12, -0.06, -0.18),
        (0.000, 0.010, 0.010, 0.95, 0.85, 0.10),
        (0.024, 0.008, 0.010, -0.15, -0.18, 0.45),
    ),
    Shape.LBBB: (
        (-0.016, 0.017, 0.018, 0.60, 0.42, 0.55),
        (0.034, 0.020, 0.022, 0.85, 0.50, 0.60),
    ),
    Shape.RBBB: (
        (-0.022, 0.006, 0.006, -0.12, -0.06, -0.18),
        (0.000, 0.010, 0.010, 0.90, 0.80, 0.05),
        (0.026, 0.009, 0.010, -0.10, -0.15, 0.35),
        (0.064, 0.015, 0.018, -0.42, -0.12, -0.50),
    ),
    Shape.PVC_A: (
        (-0.012, 0.024, 0.026, 0.30, 1.30, -0.50),
        (0.052, 0.028, 0.032, -0.55, 0.15, 0.55),
    ),
    Shape.PVC_B: (
        (0.000, 0.028, 0.030, -0.35, -1.35, 0.55),
        (0.062, 0.028, 0.032, 0.45, -0.30, -0.40),
    ),
    Shape.ESCAPE: (
        (0.000, 0.030, 0.030, 0.50, 0.80, 0.50),
        (0.058, 0.026, 0.030, 0.20, 0.55, 0.35),
    ),
    Shape.PACED: (
        (-0.000, 0.024, 0.026, 0.25, -0.80, 0.60),
        (0.056, 0.026, 0.030, 0.30, -0.70, 0.45),
    ),
    Shape.NONE: (),
}
_T: Mapping[Shape, tuple[float, float, float]] = {
    Shape.NORMAL: (0.24, 0.22, -0.18),
    Shape.LBBB: (-0.28, -0.10, -0.35),
    Shape.RBBB: (0.26, 0.22, 0.10),
    Shape.PVC_A: (-0.10, -0.55, 0.28),
    Shape.PVC_B: (0.15, 0.60, -0.30),
    Shape.ESCAPE: (-0.25, -0.45, -0.30),
    Shape.PACED: (-0.15, 0.50, -0.35),
    Shape.NONE: (0.0, 0.0, 0.0),
}
_ST_AXIS = (0.55, 0.75, 0.25)  # mostly in II, V4-V6 and the patch lead
_PACING_SPIKE: Wave = (-0.052, 0.0008, 0.0008, 0.5, 1.6, -0.3)
_WIDE_EXTRA_QT_S = 0.05  # a wide QRS lengthens the QT by about its own extra width


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What makes one heart look different from the next one."""

    qrs: float
    t: float
    p: float
    turn_rad: float
    breath_depth: float
    qtc_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Anatomy":
        """Draw a heart."""
        return cls(
            qrs=float(rng.uniform(0.85, 1.2)),
            t=float(rng.uniform(0.75, 1.25)),
            p=float(rng.uniform(0.85, 1.2)),
            turn_rad=float(rng.normal(0, 0.15)),
            breath_depth=float(rng.uniform(0.03, 0.09)),
            qtc_s=float(QTC_S + rng.normal(0, 0.012)),
        )


class BeatShaper:
    """Turns beats into waves; remembers the RR, because the QT lags behind it."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._rr_s = 0.85

    def waves(self, beat: HeartBeat, fs_hz: float) -> NDArray[np.float64]:
        """Return the waves of one beat.

        Parameters
        ----------
        beat : HeartBeat
            The beat.
        fs_hz : float
            Sampling frequency; the pacing spike is widened to what it can carry.

        Returns
        -------
        ndarray of float64, shape (n_waves, 6)
            As `Wave`, with the peak as absolute time in s.
        """
        body = self._anatomy
        rows: list[Wave] = []
        if beat.pr_s is not None:
            onset = -beat.pr_s - 0.03
            rows += [_scaled(wave, body.p, onset) for wave in _P]
        if beat.shape is not Shape.NONE:
            self._rr_s = QT_MEMORY * self._rr_s + (1 - QT_MEMORY) * beat.rr_s
            rows += [_scaled(wave, body.qrs) for wave in _QRS[beat.shape]]
            rows += self._repolarisation(beat)
        if beat.shape is Shape.PACED:
            peak, left, right, *vector = _PACING_SPIKE
            width = max(left, 0.45 / fs_hz)
            keep = left / width * 2
            x, y, z = (value * min(keep, 1.0) for value in vector)
            rows.append((peak, width, max(right, width), x, y, z))
        table = np.array(rows, dtype=np.float64).reshape(-1, 6)
        table[:, 0] += beat.r_s
        turn = body.turn_rad + beat.twist_rad
        cos, sin = math.cos(turn), math.sin(turn)
        table[:, 3:5] = table[:, 3:5] @ np.array([[cos, sin], [-sin, cos]])
        return table

    def _repolarisation(self, beat: HeartBeat) -> list[Wave]:
        body = self._anatomy
        # Fridericia: QT = QTc * RR^(1/3), on the remembered RR, never beyond the beat.
        rr_s = min(max(0.3 * beat.rr_s + 0.7 * self._rr_s, 0.25), 1.6)
        wide = beat.shape not in (Shape.NORMAL, Shape.RBBB)
        qt_s = body.qtc_s * rr_s ** (1 / 3) + (_WIDE_EXTRA_QT_S if wide else 0.0)
        peak = qt_s - 0.045 - 0.065 * rr_s ** (1 / 3)
        if wide and beat.rr_s < 0.5:
            peak = min(peak, 0.58 * beat.rr_s)
        shrink = min(1.0, rr_s ** (1 / 3) * 1.05)
        x, y, z = (value * body.t for value in _T[beat.shape])
        rows: list[Wave] = [(peak, 0.055 * shrink, 0.036 * shrink, x, y, z)]
        if beat.st_mv:
            level = [beat.st_mv * part for part in _ST_AXIS]
            middle = 0.5 * (0.045 + peak)
            width = 0.45 * max(peak - 0.045, 0.04)
            rows.append((middle, width, width, *level))
        return rows


def _scaled(wave: Wave, factor: float, shift_s: float = 0.0) -> Wave:
    peak, left, right, x, y, z = wave
    return (peak + shift_s, left, right, x * factor, y * factor, z * factor)


def draw_waves(
    waves: NDArray[np.float64], time_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Add up waves at given moments.

    Parameters
    ----------
    waves : ndarray of float64, shape (n_waves, 6)
        Rows as `Wave`, peaks in absolute time.
    time_s : ndarray of float64, shape (n_samples,)
        Moments in s.

    Returns
    -------
    ndarray of float64, shape (n_samples, 3)
        The heart's vector in mV.
    """
    away = time_s[:, None] - waves[None, :, 0]
    away /= np.where(away < 0, waves[None, :, 1], waves[None, :, 2])
    np.square(away, out=away)
    away *= -0.5
    bells = np.exp(away, out=away)
    vector: NDArray[np.float64] = bells @ waves[:, 3:]
    return vector
