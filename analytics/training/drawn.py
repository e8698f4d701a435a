"""Hearts that are drawn, for what few patients of the databases show.

Atria and ventricles that go their own ways, beats that fall out, slow wide beats with tall
T waves, fibrillation and flutter beside them: there the waves between the beats are
easily counted as beats. Nothing is taken from the virtual hearts that test the product
(`sensors.virtual`), and nothing of those enters the training.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics import filters
from analytics.training.qrs_data import NORMAL, OTHER, SUPRA, VENTRICULAR, Labelled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NAME: Final = "drawn"
LENGTH_S: Final = 16.0
_BEFORE_S, _AFTER_S = 0.3, 0.8


@dataclass(frozen=True, slots=True)
class _Shape:
    """A beat or a P wave: the sum of bells that may be steeper before than after."""

    middle_s: Floats
    before_s: Floats
    after_s: Floats
    height: Floats

    def at(self, time_s: Floats) -> Floats:
        away = time_s - self.middle_s[:, None]
        width = np.where(away < 0, self.before_s[:, None], self.after_s[:, None])
        bells: Floats = self.height @ np.exp(-0.5 * (away / width) ** 2)
        return bells


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """What contracts when, a little longer than `LENGTH_S`."""

    beats_s: Floats
    classes: Ints
    atria_s: Floats | None
    """None: they fibrillate or flutter."""
    wide: bool
    """The usual beat is wide."""


def heart(rng: np.random.Generator) -> Labelled:
    """Draw one heart, in one lead.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Labelled
        `LENGTH_S` seconds. Wide beats of a rhythm of their own are ``OTHER``.
    """
    draw = (_blocked, _blocked, _dropping, _calm, _calm, _irregular)[int(rng.integers(6))]
    rhythm = draw(rng)
    half, count = filters.HIGH_PASS_HALF, round(LENGTH_S * filters.GRID_HZ)
    time_s = np.arange(-half, count + half) / filters.GRID_HZ
    x = np.zeros(time_s.size)
    usual, strange = _beat(rng, wide=rhythm.wide), _beat(rng, wide=True)
    for at, kind in zip(rhythm.beats_s, rhythm.classes, strict=True):
        _add(x, time_s, strange if kind == VENTRICULAR else usual, at, rng)
    if rhythm.atria_s is None:
        x += _atrial_waves(rng, time_s)
    else:
        wave = _joined([_bell(0.0, rng.uniform(0.012, 0.03), rng.uniform(0.02, 0.22))])
        for at in rhythm.atria_s:
            _add(x, time_s, wave, at, rng)
    x *= rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-0.5, 0.3)
    inside = (rhythm.beats_s > 0) & (rhythm.beats_s < LENGTH_S)
    return Labelled(
        database=NAME,
        name=NAME,
        patient=NAME,
        leads=filters.high_pass_valid(x).astype(np.float32)[None],
        beats=rhythm.beats_s[inside] * filters.GRID_HZ,
        classes=rhythm.classes[inside],
        rhythm=np.zeros(count, np.int8),
        has_beats=True,
    )


def _add(
    x: Floats, time_s: Floats, shape: _Shape, at: float, rng: np.random.Generator
) -> None:
    low, high = np.searchsorted(time_s, [at - _BEFORE_S, at + _AFTER_S])
    x[low:high] += shape.at(time_s[low:high] - at) * rng.normal(1.0, 0.04)


def _bell(
    middle_s: float, width_s: float, height: float, skew: float = 1.0
) -> tuple[float, float, float, float]:
    return middle_s, width_s * skew, width_s / skew, height


def _joined(bells: list[tuple[float, float, float, float]]) -> _Shape:
    return _Shape(*np.array(bells).T)


def _beat(rng: np.random.Generator, *, wide: bool) -> _Shape:
    """Draw a QRS whose greatest bell stands at zero, as high as one, and its T wave."""
    if wide:
        main = rng.uniform(0.022, 0.045)
        bells = [_bell(0.0, main, 1.0, rng.uniform(0.7, 1.4))]
        for side in (-1.0, 1.0):
            if rng.random() < 0.6:
                away, width = side * rng.uniform(1.2, 2.2) * main, rng.uniform(0.012, 0.035)
                bells.append(_bell(away, width, rng.uniform(-0.7, 0.5)))
        # Against the QRS, and tall.
        tall = -rng.uniform(0.15, 0.9) if rng.random() < 0.8 else rng.uniform(0.1, 0.7)
    else:
        main = rng.uniform(0.008, 0.016)
        bells = [
            _bell(0.0, main, 1.0),
            _bell(-rng.uniform(2.0, 3.0) * main, main, -rng.uniform(0.0, 0.3)),
            _bell(rng.uniform(2.0, 3.0) * main, main, -rng.uniform(0.0, 0.7)),
        ]
        tall = rng.uniform(0.05, 0.7) * (1.0 if rng.random() < 0.7 else -1.0)
    width = rng.uniform(0.03, 0.075)
    middle = rng.uniform(0.2, 0.42) + main
    bells.append(_bell(middle, width, tall, rng.uniform(0.9, 1.6)))
    if rng.random() < 0.2:
        bells.append(_bell(middle + rng.uniform(0.12, 0.2), 0.03, rng.uniform(0.02, 0.12)))
    return _joined(bells)


def _atrial_waves(rng: np.random.Generator, time_s: Floats) -> Floats:
    """Draw f waves, or the saw teeth of flutter."""
    flutter = rng.random() < 0.3
    rate_hz = rng.uniform(4.0, 5.5) if flutter else rng.uniform(4.5, 8.0)
    wander = 0.0 if flutter else rng.uniform(0.3, 1.2)
    steps = rng.standard_normal(time_s.size) / np.sqrt(filters.GRID_HZ)
    turn = 2 * np.pi * rate_hz * time_s + 2 * np.pi * wander * np.cumsum(steps)
    wave = np.sin(turn) + rng.uniform(0.2, 0.5) * np.sin(2 * turn + rng.uniform(0, 6.28))
    tall = rng.uniform(0.05, 0.25) if flutter else rng.uniform(0.01, 0.1)
    return np.asarray(tall * wave)


def _times(rng: np.random.Generator, interval_s: float, unrest: float) -> Floats:
    """Draw times one interval apart, from before the beginning to after the end."""
    count = int((LENGTH_S + 3.0) / interval_s) + 2
    steps = interval_s * rng.normal(1.0, unrest, count).clip(0.6, 1.6)
    return np.asarray(np.cumsum(steps) - 1.0 - rng.uniform(0.0, interval_s))


def _blocked(rng: np.random.Generator) -> _Rhythm:
    """Draw a complete block: the ventricles beat slowly, on their own."""
    beats = _times(rng, 60.0 / rng.uniform(24.0, 56.0), 0.015)
    atria = _times(rng, 60.0 / rng.uniform(55.0, 115.0), 0.02)
    wide = rng.random() < 0.65
    kinds = np.full(beats.size, OTHER if wide else NORMAL)
    return _Rhythm(beats, kinds, None if rng.random() < 0.15 else atria, wide)


def _dropping(rng: np.random.Generator) -> _Rhythm:
    """Draw a block in which some P waves have no beat."""
    atria = _times(rng, 60.0 / rng.uniform(55.0, 110.0), 0.02)
    each = int(rng.integers(2, 6))
    turn = np.arange(atria.size) % each
    longer = rng.choice([0.0, 0.05])
    conducted = turn < each - 1
    beats = (atria + rng.uniform(0.13, 0.25) + longer * turn)[conducted]
    wide = rng.random() < 0.4
    return _Rhythm(beats, np.full(beats.size, NORMAL), atria, wide)


def _calm(rng: np.random.Generator) -> _Rhythm:
    """Draw a sinus rhythm with early beats, or none."""
    atria = _times(rng, 60.0 / rng.uniform(32.0, 100.0), rng.uniform(0.005, 0.05))
    pr_s = rng.uniform(0.12, 0.24)
    beats, kinds = atria + pr_s, np.full(atria.size, NORMAL)
    early = rng.random(beats.size) < rng.choice([0.0, 0.05, 0.25])
    early[1:] &= ~early[:-1]
    early[0] = False
    kind = SUPRA if rng.random() < 0.4 else VENTRICULAR
    where = np.flatnonzero(early)
    interval = beats[where] - beats[where - 1]
    soonest = np.maximum(0.4, 0.45 * interval)
    beats[where] = beats[where - 1] + rng.uniform(
        soonest, np.maximum(0.8 * interval, soonest)
    )
    kinds[where] = kind
    if kind == SUPRA:
        atria[where] = beats[where] - pr_s
    return _Rhythm(beats, kinds, atria, rng.random() < 0.35)


def _irregular(rng: np.random.Generator) -> _Rhythm:
    """Draw fibrillation or flutter of the atria, conducted irregularly."""
    mean = 60.0 / rng.uniform(40.0, 130.0)
    count = int((LENGTH_S + 3.0) / mean * 1.6) + 2
    steps = np.maximum(mean * np.exp(rng.normal(0.0, 0.2, count)), 0.33)
    beats = np.cumsum(steps) - 1.0
    beats = beats[beats < LENGTH_S + 1.0]
    kinds = np.full(beats.size, NORMAL)
    return _Rhythm(beats, kinds, None, rng.random() < 0.2)
