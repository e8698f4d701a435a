"""Morphology templates: the shapes of beat of a recording, with their counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.filters import project
from analytics.holter_beats import BeatTable, Clock, Flags, Floats, Ints
from analytics.holter_types import Template
from analytics.types import Ecg
from analytics.vocabulary import Aami

TEMPLATE_HZ = 100.0  # Hz of a template: enough to compare QRS shapes
BEFORE_S, AFTER_S = 0.20, 0.40  # s around R
COMPARE_S = 0.14  # s on each side of R that are compared
ALIKE = 0.88  # correlation that makes two beats of one shape (own)
MIN_TEMPLATE = 3  # beats of a shape worth showing (report definition 4)
KEPT = 12  # shapes listed
CHUNK = 4096  # beats laid out at once: bounds memory


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shapes of one class of beats, most frequent first."""

    means: list[Floats]
    counts: list[int]
    first_sample: list[int]


def templates(
    ecg_mv: Ecg, table: BeatTable, clock: Clock
) -> tuple[tuple[Template, ...], int]:
    """Group the accepted beats of each class by shape.

    Shapes are found by leader clustering with a correlation of 0.88 over 140 ms on each
    side of R, the leaders being running means.

    Returns
    -------
    (tuple of Template, int)
        At most 12, most frequent first; and the number of V shapes of at least 3 beats.
    """
    found: list[Template] = []
    v_shapes = 0
    for kind in (Aami.N, Aami.S, Aami.V, Aami.F, Aami.PACED):
        shapes = _shapes(ecg_mv, table, table.of(kind))
        for mean, count, first in zip(
            shapes.means, shapes.counts, shapes.first_sample, strict=True
        ):
            if count < MIN_TEMPLATE:
                continue
            v_shapes += kind is Aami.V
            found.append(_template(kind, mean, count, first, clock))
    found.sort(key=lambda t: -t.beats)
    return tuple(found[:KEPT]), v_shapes


def _template(kind: Aami, mean: Floats, count: int, first: int, clock: Clock) -> Template:
    return Template(
        aami=kind.value,
        beats=count,
        first=clock.moment(first),
        wave_mv=tuple(round(float(x), 4) for x in mean),
        r_index=round(BEFORE_S * TEMPLATE_HZ),
    )


def _shapes(ecg_mv: Ecg, table: BeatTable, chosen: Flags) -> Shapes:
    sample = table.sample[chosen]
    centre = round(BEFORE_S * TEMPLATE_HZ)
    reach = round(COMPARE_S * TEMPLATE_HZ)
    compare = slice(centre - reach, centre + reach + 1)
    shapes = Shapes([], [], [])
    for start in range(0, len(sample), CHUNK):
        part = sample[start : start + CHUNK]
        waves, whole = _waves(ecg_mv, part, table.fs)
        _assign(waves[whole], part[whole], compare, shapes)
    order = sorted(range(len(shapes.counts)), key=lambda k: -shapes.counts[k])
    return Shapes(
        [shapes.means[k] for k in order],
        [shapes.counts[k] for k in order],
        [shapes.first_sample[k] for k in order],
    )


def _waves(ecg_mv: Ecg, sample: Ints, fs: float) -> tuple[Floats, Flags]:
    """Windows around beats at 100 Hz (means of the samples between), level removed."""
    n_before, n_after = round(BEFORE_S * TEMPLATE_HZ), round(AFTER_S * TEMPLATE_HZ)
    columns = np.arange(-n_before, n_after + 1)
    width = max(1, round(fs / TEMPLATE_HZ))
    first = np.rint(columns * fs / TEMPLATE_HZ).astype(np.int64) - width // 2
    low, high = int(first[0]), int(first[-1]) + width
    inside = (sample + low >= 0) & (sample + high <= len(ecg_mv))
    if len(ecg_mv) < high - low:
        return np.zeros((len(sample), columns.size)), np.zeros(len(sample), dtype=bool)
    begin = np.clip(sample + low, 0, len(ecg_mv) - (high - low))
    rows = np.lib.stride_tricks.sliding_window_view(ecg_mv, high - low)[begin]
    waves: Floats = rows[:, first - low]
    for k in range(1, width):
        waves += rows[:, first - low + k]
    waves /= width
    middle = columns.size // 2  # the number of columns is odd
    waves -= np.partition(waves, middle, axis=1)[:, middle, None]
    whole: Flags = inside & np.isfinite(waves).all(axis=1)
    return waves, whole


def _assign(waves: Floats, sample: Ints, compare: slice, shapes: Shapes) -> None:
    """Give each wave to the first shape it is like; those left start new shapes."""
    unit = _unit(waves[:, compare])
    left: NDArray[np.intp] = np.arange(len(waves))
    known = 0
    while len(left):
        if known == len(shapes.means):
            if known >= 4 * KEPT:  # all else is too rare to be shown
                return
            shapes.means.append(waves[left[0]].copy())
            shapes.counts.append(0)
            shapes.first_sample.append(int(sample[left[0]]))
        leader = _unit(shapes.means[known][None, compare])[0]
        alike = project(unit[left], leader) >= ALIKE
        mine = left[alike]
        count = shapes.counts[known]
        if len(mine):
            total = shapes.means[known] * count + waves[mine].sum(axis=0)
            shapes.means[known] = total / (count + len(mine))
            shapes.counts[known] = count + len(mine)
        elif not count:  # a leader without shape (flat) is not even like itself
            left = left[1:]
            shapes.means.pop()
            shapes.counts.pop()
            shapes.first_sample.pop()
            continue
        left = left[~alike]
        known += 1


def _unit(waves: Floats) -> Floats:
    centred = waves - waves.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: Floats = centred / np.maximum(norm, 1e-12)
    return unit
