"""Ventricular beats of one patient put into the recording of another, and T waves.

Ventricular beats that come early in fibrillation are rare in the databases and look
different in each patient: few patients would have to stand for all. So are T waves as tall
as beats.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics import filters
from analytics.training.qrs_data import VENTRICULAR, Labelled

Floats = NDArray[np.float64]
BEFORE, AFTER = 20, 38
"""Grid samples of a graft before and after its place."""
_APART = 40
_T_DELAY_S, _T_WIDTH_S = (0.22, 0.4), (0.03, 0.075)
_FEWEST = 3
_FADE = np.minimum(1.0, np.hanning(BEFORE + AFTER) * 4.0)


def bank(records: Sequence[Labelled]) -> list[list[Floats]]:
    """Cut ventricular beats out, each as high as one from top to bottom.

    Parameters
    ----------
    records : sequence of Labelled

    Returns
    -------
    list of list of ndarray of float64, shape (n_beats, BEFORE + AFTER)
        For each record that has some, one array for each lead.
    """
    out = []
    for record in records:
        alone = np.diff(record.beats, prepend=-_APART) >= _APART
        alone &= np.diff(record.beats, append=np.inf) >= _APART
        at = np.round(record.beats[alone & (record.classes == VENTRICULAR)]).astype(int)
        at = at[(at > BEFORE) & (at < record.leads.shape[1] - AFTER)]
        if at.size < _FEWEST:
            continue
        windows = at[:, None] + np.arange(-BEFORE, AFTER)
        out.append([_level(lead[windows].astype(np.float64)) for lead in record.leads])
    return out


def _level(rows: Floats) -> Floats:
    """Take the line between the ends out, and the height."""
    share = np.linspace(0.0, 1.0, rows.shape[1])
    rows = rows - rows[:, :1] * (1.0 - share) - rows[:, -1:] * share
    level: Floats = rows / (np.ptp(rows, axis=1, keepdims=True) + 1e-3)
    return level


def graft(
    x: Floats,
    places: Floats,
    scale_mv: float,
    beats: Sequence[Sequence[Floats]],
    rng: np.random.Generator,
) -> int | None:
    """Put a ventricular beat between two beats, in place.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        mV on the detection grid.
    places : ndarray of float64, shape (n_beats,)
        Beats in ``x``, ascending.
    scale_mv : float
        Height of a QRS there.
    beats : sequence
        From `bank`.
    rng : numpy.random.Generator

    Returns
    -------
    int or None
        Where it is now; None where there was no room.
    """
    inside = places[(places > 0) & (places < x.size - AFTER)]
    room = np.flatnonzero(np.diff(inside) >= 2 * _APART)
    if not room.size or not beats:
        return None
    before, after = inside[(k := int(rng.choice(room))) : k + 2]
    early = before + _APART + rng.exponential(0.15) * filters.GRID_HZ
    at = int(min(early, after - _APART))
    if at < BEFORE or at > x.size - AFTER:
        return None
    rows = beats[int(rng.integers(len(beats)))]
    lead = rows[int(rng.integers(len(rows)))]
    shape = lead[int(rng.integers(len(lead)))] * rng.choice([-1.0, 1.0])
    part = x[at - BEFORE : at + AFTER]
    line = np.linspace(part[0], part[-1], part.size)
    # On top of what is there, the T wave before it, or in its stead.
    under = part if rng.random() < 0.5 else line + (part - line) * (1.0 - _FADE)
    part[:] = under + _FADE * shape * scale_mv * 2.0 ** rng.normal(0.0, 0.5)
    return at


def add_tall_waves(
    x: Floats, places: Floats, scale_mv: float, rng: np.random.Generator
) -> None:
    """Put a T wave behind every beat that is followed by room for one, in place.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        mV on the detection grid.
    places : ndarray of float64, shape (n_beats,)
        Beats in ``x``, ascending.
    scale_mv : float
        Height of a QRS there.
    rng : numpy.random.Generator
    """
    delay, width = (
        rng.uniform(*span) * filters.GRID_HZ for span in (_T_DELAY_S, _T_WIDTH_S)
    )
    roomy = places[np.diff(places, append=np.inf) > delay + 3.0 * width]
    away = (np.arange(x.size) - (roomy[:, None] + delay)) / width
    height = scale_mv * rng.uniform(0.1, 0.5) * rng.choice([-1.0, 1.0])
    x += height * np.exp(-0.5 * away**2).sum(axis=0)
