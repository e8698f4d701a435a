"""What an electrode picks up besides the heart, and atria or ventricles that quiver.

Slow parts are closed functions of time; random parts come page by page from one
generator, so the signal does not depend on how it is read.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

FLOOR_MV = 0.004  # amplifier and skin, rms; a good wet electrode
MAINS_HZ = 50.0
BREATH_WANDER_MV = 0.03


class _BandNoise:
    """White noise between two moving averages: a band, continuous across pages."""

    def __init__(self, fs_hz: float, low_hz: float, high_hz: float) -> None:
        self._short = max(1, round(0.44 * fs_hz / high_hz))  # -3 dB of a moving average
        self._long = max(self._short + 1, round(0.44 * fs_hz / low_hz))
        self._tail: Curve | None = None
        # Power left after both averages, so that the output has unit rms.
        variance = 1 / self._short - 1 / self._long
        self._scale = 1 / math.sqrt(variance)

    def page(self, rng: np.random.Generator, n_samples: int, n_leads: int) -> Curve:
        tail = self._tail
        if tail is None:
            tail = rng.normal(size=(self._long, n_leads))
        white = np.concatenate([tail, rng.normal(size=(n_samples, n_leads))])
        self._tail = white[-self._long :]
        total = np.cumsum(np.vstack([np.zeros((1, n_leads)), white]), axis=0)
        end = np.arange(self._long, self._long + n_samples) + 1
        short = (total[end] - total[end - self._short]) / self._short
        long = (total[end] - total[end - self._long]) / self._long
        band: Curve = (short - long) * self._scale
        return band


class ElectrodeNoise:
    """Noise of all electrodes of one patch.

    Parameters
    ----------
    fs_hz : float
        Sampling frequency.
    n_leads : int
        Number of leads; muscle and motion differ from lead to lead.
    rng : numpy.random.Generator
        Used in page order only.
    """

    def __init__(self, fs_hz: float, n_leads: int, rng: np.random.Generator) -> None:
        self._fs_hz = fs_hz
        self._n_leads = n_leads
        self._rng = rng
        self._muscle = _BandNoise(fs_hz, 20.0, min(110.0, 0.4 * fs_hz))
        self._motion = _BandNoise(fs_hz, 0.7, 6.0)
        self._wander_hz = rng.uniform(0.05, 0.45, 3)
        self._wander_phase = rng.uniform(0, 2 * math.pi, (3, n_leads))
        self._breath_phase = rng.uniform(0, 2 * math.pi)

    def page(
        self, time_s: Curve, breath_hz: float, levels_mv: Mapping[str, Curve]
    ) -> Curve:
        """Return the noise of one page.

        Parameters
        ----------
        time_s : ndarray of float64, shape (n_samples,)
            Moments of the page.
        breath_hz : float
            Respiratory rate; breathing sways the baseline.
        levels_mv : mapping
            For each kind present, its rms in mV for every sample of the page.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_leads)
        """
        n_samples = len(time_s)
        shape = (n_samples, self._n_leads)
        noise = FLOOR_MV * self._rng.normal(size=shape)
        sway = np.sin(2 * math.pi * breath_hz * time_s + self._breath_phase)
        noise += (BREATH_WANDER_MV * sway)[:, None]
        # All random parts are drawn on every page: what a segment adds must not move
        # the numbers of the segments after it.
        muscle = self._muscle.page(self._rng, *shape)
        motion = self._motion.page(self._rng, *shape)
        if "muscle" in levels_mv:
            noise += levels_mv["muscle"][:, None] * muscle
        if "motion" in levels_mv:
            jerky = 1 + 1.2 * np.sin(2 * math.pi * 0.31 * time_s) ** 3
            noise += (levels_mv["motion"] * jerky)[:, None] * motion
        if "baseline" in levels_mv:
            for hz, phase in zip(self._wander_hz, self._wander_phase, strict=True):
                wave = np.sin(2 * math.pi * hz * time_s[:, None] + phase)
                noise += levels_mv["baseline"][:, None] * wave * math.sqrt(2 / 3)
        if "mains" in levels_mv:
            hum = np.sin(2 * math.pi * MAINS_HZ * time_s) * math.sqrt(2)
            noise += (levels_mv["mains"] * hum)[:, None]
        return noise

    def open_input(self, time_s: Curve) -> Curve:
        """Return what an amplifier shows when an electrode hangs in the air."""
        hum = 0.02 * np.sin(2 * math.pi * MAINS_HZ * time_s)
        return hum[:, None] + 0.001 * self._rng.normal(size=(len(time_s), self._n_leads))


class Quiver:
    """Atrial fibrillation, atrial flutter and ventricular fibrillation as curves.

    Fibrillatory waves are a modulated saw (after Stridh and Soernmo 2001,
    doi:10.1109/10.900266: a sum of harmonics with modulated amplitude and frequency).
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._af_hz = rng.uniform(5.2, 6.8)
        self._af_mv = rng.uniform(0.05, 0.09)
        self._vf_hz = rng.uniform(3.6, 6.2, 5)
        self._vf_phase = rng.uniform(0, 2 * math.pi, 5)
        self._vf_vector = rng.normal(0, 0.32, (5, 3))

    def atrial_fibrillation(self, time_s: Curve) -> Curve:
        """Return f waves, shape (n_samples, 3), strongest in V1."""
        sway = 0.35 * np.sin(2 * math.pi * 0.17 * time_s) / 0.17
        phase = 2 * math.pi * self._af_hz * time_s + sway
        swell = 1 + 0.4 * np.sin(2 * math.pi * 0.23 * time_s)
        saw = sum(np.sin(order * phase) / order for order in (1, 2, 3))
        return np.outer(self._af_mv * swell * saw, (0.15, 0.65, -1.0))

    def atrial_flutter(self, time_s: Curve, rate_hz: float) -> Curve:
        """Return flutter waves, shape (n_samples, 3): a saw, negative in II, III, aVF."""
        phase = 2 * math.pi * rate_hz * time_s
        saw = sum(np.sin(order * phase) / order for order in (1, 2, 3, 4))
        return np.outer(0.14 * saw, (0.10, -1.0, -0.45))

    def ventricular_fibrillation(self, time_s: Curve, since_s: Curve) -> Curve:
        """Return VF, shape (n_samples, 3): coarse first, finer with the minutes."""
        total = np.zeros((len(time_s), 3))
        for index, (hz, phase) in enumerate(zip(self._vf_hz, self._vf_phase, strict=True)):
            sway = 0.8 * np.sin(2 * math.pi * (0.11 + 0.05 * index) * time_s)
            swell = 0.7 + 0.3 * np.sin(2 * math.pi * (0.37 + 0.13 * index) * time_s + phase)
            wave = swell * np.sin(2 * math.pi * hz * time_s + phase + sway)
            total += np.outer(wave, self._vf_vector[index])
        fading = 0.35 + 0.65 * np.exp(-np.maximum(since_s, 0) / 180)
        faded: Curve = total * fading[:, None]
        return faded
