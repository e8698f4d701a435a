"""Simulated intervals with known truth, for rhythms that few recorded patients show.

Fibrillation: intervals without memory around a slowly changing mean [1]_. Not
fibrillation but irregular: breathing, wandering rate, dropped beats at multiples of the
sinus interval, Wenckebach groups, atrial bursts.

.. [1] doi:10.1161/01.CIR.94.5.1084: RR in fibrillation is close to a random sequence.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.training.af_data import AF, NOT_AF, Cut

Floats = NDArray[np.float64]


def simulate(length: int, rng: np.random.Generator) -> Cut:
    """Make one cut of a single rhythm, or of two that change in the middle.

    Parameters
    ----------
    length : int
        Beats.
    rng : numpy.random.Generator
        Randomness.

    Returns
    -------
    Cut
        Labelled; all beats of class N.
    """
    names = list(rng.choice(["af", "sinus", "blocked", "wenckebach", "bursts"], 2))
    if rng.random() < 0.6:
        names = names[:1]
    border = (
        int(rng.integers(length // 4, 3 * length // 4 + 1)) if len(names) > 1 else length
    )
    parts, labels = [], []
    for name, n in zip(names, (border, length - border), strict=False):
        if n > 0:
            parts.append(_MAKERS[name](n, rng))
            labels.append(np.full(n, AF if name == "af" else NOT_AF, dtype=np.int8))
    rr_s = np.clip(np.concatenate(parts), 0.25, 3.5)
    none = np.zeros(length, dtype=bool)
    return Cut(rr_s, none, none.copy(), np.concatenate(labels))


def wander(n: int, rng: np.random.Generator, size: float) -> Floats:
    """Slow change of the mean as a factor around 1."""
    steps = np.cumsum(rng.normal(0.0, 1.0, n))
    steps -= np.linspace(steps[0], steps[-1], n)
    factor: Floats = np.exp(size * steps / (np.abs(steps).max() + 1e-9))
    return factor


def fibrillation(n: int, rng: np.random.Generator) -> Floats:
    """Intervals without memory around a mean that changes slowly."""
    mean = rng.uniform(0.38, 1.15)
    cv = rng.uniform(0.11, 0.32)
    shape = 1.0 / cv**2
    spread = rng.gamma(shape, 1.0 / shape, n)
    if rng.random() < 0.5:
        spread = np.exp(rng.normal(0.0, cv, n))
    return mean * spread * wander(n, rng, rng.uniform(0.0, 0.15))


def _sinus(n: int, rng: np.random.Generator) -> Floats:
    mean = rng.uniform(0.5, 1.4)
    breath = rng.uniform(0.08, 0.45) * np.ones(n) * np.exp(rng.normal(0, 0.1))  # per beat
    phase = 2 * np.pi * np.cumsum(breath * np.exp(rng.normal(0.0, 0.15, n)))
    depth = rng.uniform(0.0, 0.28)
    rr = mean * (1.0 + depth * np.sin(phase))
    rr *= np.exp(rng.normal(0.0, rng.uniform(0.003, 0.025), n))
    return rr * wander(n, rng, rng.uniform(0.0, 0.3))


def blocked(n: int, rng: np.random.Generator) -> Floats:
    """Sinus rhythm or flutter of which single beats are not conducted."""
    pp = rng.uniform(0.3, 1.1)
    weights = rng.dirichlet([2.0, 1.0, 0.4])
    count = rng.choice([1, 2, 3], n, p=weights)
    if pp < 0.45:
        count = np.maximum(count, rng.choice([1, 2], n))
    rr = pp * count * np.exp(rng.normal(0.0, rng.uniform(0.005, 0.03), n))
    # The beat after a dropped one is conducted a little faster.
    rr[1:] += 0.02 * (count[:-1] > 1)
    return rr * wander(n, rng, rng.uniform(0.0, 0.1))


def wenckebach(n: int, rng: np.random.Generator) -> Floats:
    """Conduction takes longer from beat to beat until one fails."""
    pp = rng.uniform(0.4, 1.0)
    rr: list[float] = []
    while len(rr) < n:
        ratio = int(rng.integers(3, 7))
        step = pp * rng.uniform(0.04, 0.18)
        shrink = 0.5 ** np.arange(ratio - 2)
        longer = step * shrink
        rr += [*(pp + longer), 2 * pp - float(longer.sum())]
    out = np.array(rr[:n])
    return out * np.exp(rng.normal(0.0, 0.015, n))


def _bursts(n: int, rng: np.random.Generator) -> Floats:
    """Sinus rhythm with runs of a faster, fairly regular atrial rhythm."""
    rr = _sinus(n, rng)
    at = 0
    while at < n:
        at += int(rng.integers(3, 40))
        size = int(rng.integers(2, 25))
        fast = rng.uniform(0.32, 0.6) * np.exp(rng.normal(0.0, 0.04, size))
        stop = min(n, at + size)
        if stop > at:
            rr[at:stop] = fast[: stop - at]
        at = stop
    return rr


_MAKERS = {
    "af": fibrillation,
    "sinus": _sinus,
    "blocked": blocked,
    "wenckebach": wenckebach,
    "bursts": _bursts,
}
