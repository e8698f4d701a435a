"""Hearts with tall T waves, block and fibrillation: their beats are counted, few waves are.

The training draws such hearts as well (`analytics.training.drawn`), so this shows what the
shipped network has learnt and keeps the next one from losing it. They are drawn harder
than life: T waves as steep as beats stand among them. Without them in the training 80
waves of 60 hearts were counted, now 44.
"""

import numpy as np
import pytest

from analytics import qrs
from analytics.filters import GRID_HZ
from analytics.training import drawn
from sensors.virtual.heart import VirtualHeart, collect
from sensors.virtual.scenario import Scenario, Segment

HEARTS = 60
NEAR = 0.15 * GRID_HZ


def heart(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Signal with a little noise, and its beats."""
    rng = np.random.default_rng(seed)
    one = drawn.heart(rng)
    lead = one.leads[0].astype(np.float64)
    return lead + rng.normal(0.0, 0.01 * np.ptp(lead), lead.size), one.beats


def wrong(found: np.ndarray, beats: np.ndarray) -> tuple[int, int]:
    """Missed and false beats, the first and last second left out."""

    def strangers(some: np.ndarray, others: np.ndarray) -> int:
        inside = some[(some > GRID_HZ) & (some < (drawn.LENGTH_S - 1) * GRID_HZ)]
        away = np.abs(inside[:, None] - others).min(axis=1, initial=np.inf)
        return int((away > NEAR).sum())

    return strangers(beats, found), strangers(found, beats)


def test_beats_of_drawn_hearts_are_counted_and_few_waves() -> None:
    missed = false = beats = 0
    for seed in range(HEARTS):
        lead, true = heart(seed)
        some = wrong(qrs.detect_r_peaks(lead, float(GRID_HZ)), true)
        missed, false, beats = missed + some[0], false + some[1], beats + true.size
    assert beats > 600
    assert missed <= 0.005 * beats
    assert false <= 0.05 * beats


def test_in_complete_block_by_another_hand_no_wave_is_counted() -> None:
    missed = false = 0
    for seed, rate in ((0, 30.0), (1, 36.0), (2, 45.0), (3, 36.0), (4, 30.0), (5, 45.0)):
        script = (Segment("sinus", 40.0), Segment("avb3", 90.0, rate_bpm=rate))
        drawn_by_hand = VirtualHeart(Scenario("block", script), seed=seed, fs_hz=250)
        block = collect(drawn_by_hand, 130.0)
        lead = block.counts[:, 0] / drawn_by_hand.gain_counts_per_mv
        found = qrs.detect_r_peaks(lead, 250.0)
        true = np.array([beat.sample for beat in block.beats])
        apart = np.abs(found[:, None] - true)
        false += int((apart.min(axis=1) > 0.15 * 250).sum())
        missed += int((apart.min(axis=0) > 0.15 * 250).sum())
    assert missed <= 2
    assert false <= 2


@pytest.mark.parametrize("seed", range(20))
def test_a_drawn_heart_is_as_it_is_labelled(seed: int) -> None:
    one = drawn.heart(np.random.default_rng(seed))
    (lead,) = one.leads
    assert lead.size == one.rhythm.size == round(drawn.LENGTH_S * GRID_HZ)
    assert one.classes.size == one.beats.size >= 5
    assert (np.diff(one.beats) > 0.3 * GRID_HZ).all()
    # each beat has something high within 100 ms
    high = 0.25 * np.quantile(np.abs(lead), 0.99)
    for at in one.beats.astype(int):
        assert np.abs(lead[max(0, at - 12) : at + 13]).max() > high
