"""Simulated intervals in which every beat's class is known.

Supraventricular beats sit in a handful of recorded patients; how they come about is well
known. Early beats with a pause that is hardly compensatory, singly, in groups and in
runs; bigeminy to quadrigeminy; a sinus node that fails and leaves the heart to runs of
atrial beats; atrial tachycardia for minutes. And what is not ectopy although intervals
shorten: breathing, exercise, recovery after pauses, block, flutter, fibrillation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.training import af_simulate
from analytics.training.qrs_data import NORMAL, OTHER, SUPRA, VENTRICULAR

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]
Rhythm = tuple[Floats, Classes]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Simulated:
    """Beats of one simulated recording."""

    rr_s: Floats
    classes: Classes
    """As in `qrs_data`; ``OTHER`` is a false beat of a detector."""


def simulate(length: int, rng: Random) -> Simulated:
    """Make one rhythm, or two in a row, and let a detector err on some of them."""
    names = list(rng.choice(list(_MAKERS), 2, p=_SHARES / _SHARES.sum()))
    names = names[: 1 if rng.random() < 0.6 else 2]
    parts = [_MAKERS[name](length // len(names), rng) for name in names]
    rr = np.concatenate([part[0] for part in parts])
    classes = np.concatenate([part[1] for part in parts])
    if rng.random() < 0.25:
        _add_ventricular(rr, classes, rng)
    times = np.cumsum(rr) + rng.normal(0.0, rng.choice([0.002, 0.006]), rr.size)
    if rng.random() < 0.25:
        times, classes = _detector_errs(times, classes, rng)
    rr = np.diff(times, prepend=times[:1])
    rr[0] = np.nan
    return Simulated(rr, classes)


def _add_ventricular(rr: Floats, classes: Classes, rng: Random) -> None:
    chosen = rng.random(rr.size) < rng.uniform(0.01, 0.1)
    chosen &= classes != SUPRA
    chosen[:2] = chosen[-2:] = False
    at = np.flatnonzero(chosen)
    early = rr[at] * rng.uniform(0.2, 0.45)
    rr[at] -= early
    rr[at + 1] += 0.95 * early
    classes[at] = VENTRICULAR


def _detector_errs(times: Floats, classes: Classes, rng: Random) -> Rhythm:
    kept = rng.random(times.size) > rng.choice([0.003, 0.01, 0.03])
    kept[:2] = True
    times, classes = times[kept], classes[kept]
    extra = np.flatnonzero(rng.random(times.size - 1) < rng.choice([0.002, 0.01]))
    share = rng.uniform(0.25, 0.75, extra.size)
    added = times[extra] + share * (times[extra + 1] - times[extra])
    return np.insert(times, extra + 1, added), np.insert(classes, extra + 1, OTHER)


def _normal(maker: Callable[[int, Random], Floats]) -> Callable[[int, Random], Rhythm]:
    def make(n: int, rng: Random) -> Rhythm:
        return np.clip(maker(n, rng), 0.28, 3.5), np.full(n, NORMAL)

    return make


def _steady(n: int, rng: Random, mean: float | None = None) -> Floats:
    """Sinus rhythm that breathes a little."""
    mean = rng.uniform(0.5, 1.3) if mean is None else mean
    breath = rng.uniform(0.1, 0.4) * np.exp(rng.normal(0.0, 0.15, n))
    depth = rng.choice([0.0, 0.02, 0.05, 0.1, 0.15]) * rng.random()
    rr = mean * (1.0 + depth * np.sin(2 * np.pi * np.cumsum(breath)))
    rr *= np.exp(rng.normal(0.0, rng.uniform(0.003, 0.02), n))
    return np.asarray(rr * af_simulate.wander(n, rng, rng.uniform(0.0, 0.25)))


def _breathing(n: int, rng: Random) -> Floats:
    """Deep sinus arrhythmia of any shape, its depth coming and going."""
    period = rng.uniform(2.3, 12.0)
    phase = np.cumsum(np.exp(rng.normal(0.0, rng.uniform(0.05, 0.35), n))) / period
    wave, power = np.sin(2 * np.pi * phase), rng.uniform(0.4, 2.5)
    if rng.random() < 0.5:
        wave = np.sign(wave) * np.abs(wave) ** power
    else:
        wave = 2.0 * ((wave + 1.0) / 2.0) ** power - 1.0
    slow = np.cumsum(np.exp(rng.normal(0.0, 0.3, n))) / rng.uniform(30.0, 200.0)
    depth = 0.6 + 0.5 * np.sin(2 * np.pi * slow) + rng.normal(0.0, 0.15, n)
    depth = rng.uniform(0.08, 0.4) * np.clip(depth, 0.05, 1.3)
    rr = rng.uniform(0.6, 1.4) * (1.0 + depth * wave)
    rr *= np.exp(rng.normal(0.0, rng.uniform(0.005, 0.03), n))
    return np.asarray(rr * af_simulate.wander(n, rng, rng.uniform(0.0, 0.25)))


def _exercise(n: int, rng: Random) -> Floats:
    """Sinus rhythm that speeds up over some tens of beats and recovers more slowly."""
    length = rng.uniform(15.0, 200.0)
    fastest = rng.uniform(0.4, 0.75)
    start = rng.uniform(0.0, n)
    stop = start + length + rng.uniform(20.0, 400.0)
    at = np.arange(n)
    rise = 1.0 / (1.0 + np.exp(np.clip(-(at - start) / (length / 6.0), -50, 50)))
    fall = 1.0 / (1.0 + np.exp(np.clip(-(at - stop) / (length / 3.0), -50, 50)))
    faster = 1.0 - (1.0 - fastest) * (rise - fall)
    return np.asarray(_steady(n, rng, rng.uniform(0.7, 1.1)) * faster)


def _pausing(n: int, rng: Random) -> Floats:
    """Sinus rhythm with pauses: the beats after them are not early."""
    rr = _steady(n, rng)
    paused = rng.random(n) < rng.choice([0.01, 0.05, 0.15])
    rr[paused] *= rng.uniform(1.3, 2.4, int(paused.sum()))
    return rr


def _flutter(n: int, rng: Random) -> Floats:
    ratio = rng.choice([2, 3, 4], n, p=rng.dirichlet([3.0, 1.0, 2.0]))
    return np.asarray(rng.uniform(0.18, 0.26) * ratio * np.exp(rng.normal(0.0, 0.02, n)))


def _premature(n: int, rng: Random, *, runs: bool) -> Rhythm:
    """Early beats at a coupling of the patient's own, in pairs, or starting runs."""
    base = _steady(n, rng)
    often = rng.choice([0.005, 0.02, 0.06, 0.15, 0.3])
    coupling, spread = rng.uniform(0.5, 0.85), rng.uniform(0.01, 0.08)
    rr, classes = base[:3].tolist(), [NORMAL] * 3
    while len(rr) < n:
        usual = float(base[len(rr)])
        if rng.random() > often:
            rr.append(usual)
            classes.append(NORMAL)
            continue
        kind, count = rng.random(), 1
        if kind < 0.15:
            count = 2
        elif runs and kind < 0.5:
            count = int(rng.integers(3, 40))
        first = np.clip(rng.normal(coupling, spread), 0.4, 0.88)
        cycle = rng.uniform(0.35, 0.8) * np.exp(
            rng.normal(0.0, rng.uniform(0.005, 0.05), count - 1)
        )
        back = rng.uniform(1.0, 1.35)
        rr += [usual * first, *(usual * cycle), usual * back]
        classes += [SUPRA] * count + [NORMAL]
    return np.array(rr[:n]), np.array(classes[:n])


def _grouped(n: int, rng: Random) -> Rhythm:
    """Bigeminy, trigeminy, quadrigeminy; now and then an early beat fails to come."""
    base, size = _steady(n, rng), int(rng.choice([2, 3, 4]))
    coupling, back = rng.uniform(0.5, 0.82), rng.uniform(1.0, 1.35)
    often = rng.uniform(0.6, 1.0)
    rr: list[float] = []
    classes: list[int] = []
    while len(rr) < n:
        usual = float(base[len(rr)])
        rr += [usual * back, *([usual] * (size - 2))]
        classes += [NORMAL] * (size - 1)
        if rng.random() < often:
            rr.append(usual * float(np.clip(rng.normal(coupling, 0.03), 0.4, 0.88)))
            classes.append(SUPRA)
    return np.array(rr[:n]), np.array(classes[:n])


def _sick_sinus(n: int, rng: Random) -> Rhythm:
    """Slow, uneven sinus beats between runs of faster, even atrial ones."""
    slow, uneven = rng.uniform(1.1, 2.2), rng.uniform(0.03, 0.35)
    cycle = min(rng.uniform(0.45, 0.95), 0.75 * slow)
    beats, jitter = rng.uniform(1.5, 6.0), rng.uniform(0.005, 0.06)
    long_runs = rng.random() < 0.3
    rr: list[float] = []
    classes: list[int] = []
    while len(rr) < n:
        sinus = 1 if rng.random() < 0.8 else int(rng.integers(1, 5))
        rr += (slow * np.exp(rng.normal(0.0, uneven, sinus))).tolist()
        count = int(rng.geometric(1.0 / (beats + 1.0)) if long_runs else rng.poisson(beats))
        count = max(1, count)
        own = cycle * np.exp(rng.normal(0.0, 0.04))
        rr += (own * np.exp(rng.normal(0.0, jitter, count))).tolist()
        classes += [NORMAL] * sinus + [SUPRA] * count
    return np.clip(np.array(rr[:n]), 0.3, 6.0), np.array(classes[:n])


def _tachycardia(n: int, rng: Random) -> Rhythm:
    """One atrial or nodal tachycardia of seconds to minutes, to the end or before it."""
    rr, classes = _steady(n, rng), np.full(n, NORMAL)
    length = int(rng.integers(20, max(21, int(0.7 * n))))
    first = int(rng.integers(20, n)) if rng.random() < 0.6 else n - length
    first = max(first, 20)
    end = min(n, first + length)
    cycle = rr[first] * rng.uniform(0.35, 0.78)
    even = np.exp(rng.normal(0.0, rng.uniform(0.003, 0.04), end - first))
    rr[first:end] = cycle * even * af_simulate.wander(end - first, rng, 0.08)
    classes[first:end] = SUPRA
    # Many a tachycardia warms up: its first beats are neither fast nor even yet.
    warm = min(int(rng.integers(0, 16)), end - first)
    slowest = max(1.0, 0.9 * rr[first - 1] / cycle)
    slower = np.linspace(rng.uniform(1.0, slowest), 1.0, warm)
    rr[first : first + warm] *= slower * np.exp(rng.normal(0.0, 0.08, warm))
    if end < n:
        rr[end] *= rng.uniform(1.0, 1.4)
    return rr, classes


_MAKERS: dict[str, Callable[[int, Random], Rhythm]] = {
    "premature": lambda n, rng: _premature(n, rng, runs=False),
    "runs": lambda n, rng: _premature(n, rng, runs=True),
    "grouped": _grouped,
    "sick_sinus": _sick_sinus,
    "tachycardia": _tachycardia,
    "breathing": _normal(_breathing),
    "exercise": _normal(_exercise),
    "pausing": _normal(_pausing),
    "steady": _normal(_steady),
    "fibrillation": _normal(af_simulate.fibrillation),
    "flutter": _normal(_flutter),
    "blocked": _normal(af_simulate.blocked),
    "wenckebach": _normal(af_simulate.wenckebach),
}
_SHARES = np.array([3.0, 2.0, 2.0, 3.0, 2.0, 3.0, 1.0, 1.0, 1.0, 4.0, 1.0, 1.5, 1.2])
