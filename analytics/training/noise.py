"""Noise that is added to recordings in training."""

from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from analytics import filters
from analytics.training import qrs_data


def noise_pool(folder: Path) -> list[NDArray[np.float32]]:
    """Return baseline and muscle noise on the grid; electrode motion is kept for tests."""
    pool = []
    for name in ("bw", "ma"):
        record = wfdb.rdrecord(str(folder / "nstdb" / name))
        pool += [qrs_data.to_grid(lead, record.fs) for lead in record.p_signal.T]
    return pool


def _bumps(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Electrode motion: bumps and steps of QRS-like width at random times."""
    out = np.zeros(length)
    at = np.arange(length)
    begin = int(rng.integers(0, length))
    end = begin + int(rng.integers(100, length))
    for _ in range(int(rng.integers(2, 25))):
        middle = rng.uniform(begin, min(end, length))
        width = filters.GRID_HZ * 10 ** rng.uniform(-2.0, -0.6)
        height = rng.standard_normal() * 10 ** rng.uniform(-0.5, 0.2)
        kind = rng.integers(0, 3)
        away = (at - middle) / width
        if kind == 0:
            out += height * np.exp(-0.5 * away**2)
        elif kind == 1:
            out -= height * away * np.exp(0.5 - 0.5 * away**2)
        else:
            out += height * np.where(at > middle, np.exp(-np.abs(away) / 8.0), 0.0)
    return out


def draw(
    rng: np.random.Generator, pool: list[NDArray[np.float32]], length: int
) -> NDArray[np.float64]:
    """Draw one kind of noise with a standard deviation of 1.

    Parameters
    ----------
    rng : numpy.random.Generator
    pool : list of ndarray
        From `noise_pool`.
    length : int
        Grid samples, more than 100.

    Returns
    -------
    ndarray of float64, shape (length,)
    """
    kind = rng.integers(0, 6)
    out: NDArray[Any]
    if kind < 2:
        source = pool[int(rng.integers(0, len(pool)))]
        begin = int(rng.integers(0, source.size - length))
        out = source[begin : begin + length].astype(np.float64)
    elif kind == 2:
        out = rng.standard_normal(length)
    elif kind == 3:
        spectrum = np.fft.rfft(rng.standard_normal(length))
        hz = np.fft.rfftfreq(length, 1 / filters.GRID_HZ)
        low = rng.uniform(0.5, 5)
        spectrum[(hz < low) | (hz > low + rng.uniform(2, 12))] = 0
        out = np.fft.irfft(spectrum, length)
        begin, end = np.sort(rng.integers(0, length, 2))
        out[:begin] *= 0.1
        out[end:] *= 0.1
    else:
        out = _bumps(rng, length)
    return np.asarray(out / (out.std() + 1e-6))
