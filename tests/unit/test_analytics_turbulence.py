"""Turbulence and deceleration capacity on tachograms whose answer is known."""

import numpy as np
import pytest

from analytics.holter_values import Capacity, NotAssessable, Reason, Turbulence
from analytics.turbulence import capacity, max_slope, turbulence

AFTER = [760, 770, 790, 810, 830, 840, 830, 820, 810, 800, 800, 800, 800, 800, 800]
"""RR after the pause: rises 20 ms per beat from the second to the fifth."""


def heart(v_beats, after=AFTER, coupling=560, pause=1040, before=800):
    """``v_beats`` times: ten sinus beats, a V, and 15 intervals after its pause."""
    rr, kinds = [np.nan], ["N"]
    for _ in range(v_beats):
        rr += [before] * 10 + [coupling, pause, *after]
        kinds += ["N"] * 10 + ["V"] + ["N"] * 16
    rr += [before] * 3
    kinds += ["N"] * 3
    letters = np.array(kinds)
    return np.array(rr, dtype=float), letters == "N", letters == "V"


def test_onset_and_slope_are_those_computed_by_hand():
    got = turbulence(*heart(5))
    assert isinstance(got, Turbulence)
    assert got.beats_used == 5
    # TO = ((760 + 770) - (800 + 800)) / 1600 = -4.375 %
    assert got.onset_pct == pytest.approx(-4.375)
    # 770 790 810 830 840: x = -2..2, slope = (-1540 - 790 + 830 + 1680) / 10 = 18
    assert got.slope_ms_per_rr == pytest.approx(18.0)
    assert got.category == 0
    assert got.tachogram_ms[:4] == (800, 800, 560, 1040)
    assert len(got.tachogram_ms) == 2 + 2 + 15


def test_the_steepest_of_all_five_beat_lines_counts():
    assert max_slope(np.array([0, 0, 0, 10, 20, 30, 40, 0.0])) == pytest.approx(10.0)


def test_a_heart_that_does_not_answer_is_category_two():
    got = turbulence(*heart(6, after=[800] * 15))
    assert isinstance(got, Turbulence)
    assert got.onset_pct == 0.0  # not below zero: abnormal
    assert got.slope_ms_per_rr == pytest.approx(0.0)
    assert got.category == 2


def test_category_one_when_only_the_slope_is_abnormal():
    after = [790, 790] + [800] * 13
    got = turbulence(*heart(6, after=after))
    assert isinstance(got, Turbulence)
    assert got.onset_pct < 0.0
    # 790 790 800 800 800: (-1580 - 790 + 800 + 1600) / 10 = 3.0, so normal ...
    assert got.slope_ms_per_rr == pytest.approx(3.0)
    after = [792, 792] + [799] * 13  # ... and here (−1584−792+799+1598)/10 = 2.1
    got = turbulence(*heart(6, after=after))
    assert isinstance(got, Turbulence)
    assert got.category == 1


def test_fewer_than_five_usable_beats_are_not_assessable():
    few = NotAssessable(Reason.TOO_FEW_VENTRICULAR_BEATS)
    assert turbulence(*heart(4)) == few
    rr, normal, v = heart(0)
    assert turbulence(rr, normal, v) == NotAssessable(Reason.NO_VENTRICULAR_BEATS)


@pytest.mark.parametrize(
    "change",
    [
        {"coupling": 641},  # premature by less than 20 %
        {"pause": 959},  # pause longer by less than 20 %
        {"after": [760, 770, 790, 810, 1011, *[810] * 10]},  # step above 200 ms
        {"after": [961, *[800] * 14]},  # more than 20 % from the reference
    ],
)
def test_beats_that_fail_a_filter_are_not_used(change):
    few = NotAssessable(Reason.TOO_FEW_VENTRICULAR_BEATS)
    assert turbulence(*heart(6, **change)) == few


def test_beats_in_fibrillation_and_across_a_gap_are_not_used():
    rr, normal, v = heart(5)
    excluded = np.ones(len(rr), dtype=bool)
    few = NotAssessable(Reason.TOO_FEW_VENTRICULAR_BEATS)
    assert turbulence(rr, normal, v, excluded) == few
    rr[20] = np.nan
    assert turbulence(rr, normal, v) == few


def test_deceleration_capacity_is_that_computed_by_hand():
    # 800 800 820 820 in turn: each rise of 20 ms (2.5 %) is an anchor with
    # X-2 = X-1 = 800 and X0 = X1 = 820: DC = (820 + 820 - 800 - 800) / 4 = 10 ms.
    rr = np.concatenate(([np.nan], np.tile([800.0, 800, 820, 820], 110)))
    got = capacity(rr, np.ones(len(rr), dtype=bool))
    assert isinstance(got, Capacity)
    assert got.dc_ms == pytest.approx(10.0)
    assert got.ac_ms == pytest.approx(-10.0)
    assert got.risk == "low"
    assert 108 <= got.anchors <= 110


@pytest.mark.parametrize(("rise", "risk"), [(4.0, "high"), (8.0, "medium"), (12.0, "low")])
def test_risk_follows_from_capacity(rise, risk):
    rr = np.concatenate(([np.nan], np.tile([800.0, 800, 800 + rise, 800 + rise], 110)))
    got = capacity(rr, np.ones(len(rr), dtype=bool))
    assert isinstance(got, Capacity)
    assert got.dc_ms == pytest.approx(rise / 2)
    assert got.risk == risk


def test_changes_above_five_percent_are_no_anchors():
    rr = np.concatenate(([np.nan], np.tile([800.0, 800, 850, 850], 110)))
    got = capacity(rr, np.ones(len(rr), dtype=bool))
    assert got == NotAssessable(Reason.TOO_FEW_BEATS)
    assert capacity(np.array([np.nan, 800]), np.ones(2, dtype=bool)) == got
