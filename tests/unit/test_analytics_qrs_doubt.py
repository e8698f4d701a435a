"""Doubtful complexes: T waves refused, steep beats taken, whatever the cut."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics import qrs, qrs_doubt, qrs_stream
from analytics.filters import GRID_HZ
from analytics.qrs_doubt import Complexes, View

_BEATS = 20
_RR = GRID_HZ


Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def _wave(at: int, width_s: float, height: float) -> Floats:
    time = np.arange((_BEATS + 2) * _RR, dtype=np.float64) - at
    wave: Floats = height * np.exp(-0.5 * (time / (width_s * GRID_HZ)) ** 2)
    return wave


def _heart(*, t_wave: float, late: bool = False) -> tuple[View, Places]:
    """Narrow beats once a second, a low wave 0.35 s after each, at times one wide beat."""
    places = np.arange(1, _BEATS + 1) * _RR
    waves = [_wave(at, 0.012, 2.0) + _wave(at + 44, 0.05, t_wave) for at in places.tolist()]
    if late:
        waves.append(_wave(int(places[-1] - 0.4 * _RR), 0.03, 1.8))
    ecg = np.sum(waves, axis=0)
    return View(np.asarray(ecg, np.float32), 0), places


def _asked(view: View, places: Places, doubtful: int, logit: float) -> bool:
    """Whether a doubtful candidate among sure beats is called a beat."""
    every = np.sort(np.append(places, doubtful))
    odds = np.where(every == doubtful, logit, 2.0)
    found = qrs_doubt.measure(view, every, odds)
    is_beat, _ = qrs_doubt.judge(view, found, Complexes())
    assert is_beat[every != doubtful].all()
    return bool(is_beat[every == doubtful][0])


@pytest.mark.parametrize("logit", [-1.0, -0.6, 0.0, 0.4])
def test_a_low_wave_that_follows_every_beat_is_none(logit: float) -> None:
    view, places = _heart(t_wave=0.5)
    assert not _asked(view, places, int(places[-2]) + 44, logit)


@pytest.mark.parametrize("logit", [-1.5, -1.0, -0.6])
def test_a_steep_wave_that_comes_once_is_a_beat(logit: float) -> None:
    view, places = _heart(t_wave=0.3, late=True)
    assert _asked(view, places, int(places[-1] - 0.4 * _RR), logit)


def test_a_beat_in_its_place_is_one_though_it_repeats_the_last() -> None:
    view, places = _heart(t_wave=0.3)
    assert _asked(view, np.delete(places, -2), int(places[-2]), -1.2)


def test_without_enough_neighbours_the_network_decides() -> None:
    view, places = _heart(t_wave=0.5)
    places = places[: qrs_doubt.NEIGHBOURS - 1]
    at = int(places[-1]) + 44
    assert _asked(view, places, at, -1.2)
    assert not _asked(view, places, at, -1.3)


@given(cut=st.integers(1, 2 * _BEATS - 1), gain=st.sampled_from([0.25, 1.0, -1.0, 3.0]))
def test_the_cut_and_the_polarity_do_not_matter(cut: int, gain: float) -> None:
    view, places = _heart(t_wave=0.5)
    every = np.sort(np.concatenate([places, places + 44]))
    odds = np.where(np.isin(every, places), 1.0, -0.7)
    found = qrs_doubt.measure(view, every, odds)
    whole, last = qrs_doubt.judge(view, found, Complexes())
    turned = View((view.scaled * gain).astype(np.float32), 0)
    again = qrs_doubt.measure(turned, every, odds)
    first, between = qrs_doubt.judge(turned, again.part(slice(0, cut)), Complexes())
    second, end = qrs_doubt.judge(turned, again.part(slice(cut, None)), between)
    np.testing.assert_array_equal(whole, np.concatenate([first, second]))
    np.testing.assert_array_equal(last.place, end.place)


def test_in_noise_the_answer_does_not_depend_on_the_cut(shared_ecg: Path) -> None:
    record = wfdb.rdrecord(str(shared_ecg / "nstdb" / "118e06"), sampto=360 * 480)
    ecg = np.asarray(record.p_signal[360 * 240 :, 0])
    state, found = qrs_stream.start(360.0), []
    sizes = np.random.default_rng(1).integers(20, 1000, 400)
    edges = np.append(np.cumsum(sizes)[np.cumsum(sizes) < ecg.size], ecg.size)
    for begin, end in pairwise([0, *edges.tolist()]):
        state, pieces = qrs_stream.advance(state, ecg[begin:end], begin)
        found += [piece.found.sample for piece in pieces]
    _, pieces = qrs_stream.finish(state)
    found += [piece.found.sample for piece in pieces]
    whole = qrs.detect_r_peaks(ecg, 360.0)
    np.testing.assert_array_equal(np.concatenate(found), whole)
    doubtful = qrs.examine(ecg, 360.0).segments[0].found.logit < qrs_doubt.SURE
    assert doubtful.any()
