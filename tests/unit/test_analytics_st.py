"""ST level, reference and 1 x 1 x 1 episodes on drawn signals."""

import numpy as np
import pytest

from analytics import st
from analytics.holter_beats import Clock

FS = 250.0
CLOCK = Clock(FS, None)


def lead_with_st(levels_mv, rr_s=0.8):
    """A lead with one drawn beat every ``rr_s``; one ST level per 10 s."""
    n = int(len(levels_mv) * 10 * FS)
    lead = np.zeros(n)
    peaks = np.arange(int(0.4 * FS), n - int(0.6 * FS), int(rr_s * FS))
    t = np.arange(-int(0.2 * FS), int(0.4 * FS)) / FS
    qrs = 1.0 * np.clip(1.0 - np.abs(t) / 0.04, 0.0, None)
    for r in peaks:
        level = levels_mv[int(r / FS // 10)]
        st_part = np.where((t >= 0.04) & (t < 0.2), level, 0.0)
        lead[r - int(0.2 * FS) : r - int(0.2 * FS) + len(t)] += qrs + st_part
    return lead, peaks.astype(np.int64)


def series_of(levels_mv):
    lead, peaks = lead_with_st(levels_mv)
    chosen = np.ones(len(peaks), dtype=bool)
    return st.st_series("II", lead, FS, peaks, chosen, (-40.0, 40.0), 60.0)


def test_the_level_is_measured_against_the_pr_segment():
    series = series_of([0.0] * 3 + [0.25] * 3)
    assert series.level_mv == pytest.approx([0, 0, 0, 0.25, 0.25, 0.25], abs=1e-6)
    assert series.r_mv == pytest.approx([1.0] * 6, abs=1e-6)


def test_a_constant_offset_of_the_lead_does_not_matter():
    lead, peaks = lead_with_st([0.1] * 4)
    chosen = np.ones(len(peaks), dtype=bool)
    plain = st.st_series("II", lead, FS, peaks, chosen, (-40.0, 40.0), 60.0)
    moved = st.st_series("II", lead + 5.12, FS, peaks, chosen, (-40.0, 40.0), 60.0)
    assert moved.level_mv == pytest.approx(plain.level_mv)


def test_the_slope_is_that_of_the_drawn_ramp():
    lead, peaks = lead_with_st([0.0] * 3)
    for r in peaks:  # from J (40 ms) rising 0.5 mV per second
        k = np.arange(int(0.04 * FS), int(0.2 * FS))
        lead[r + k] += 0.5 * (k / FS - 0.04)
    chosen = np.ones(len(peaks), dtype=bool)
    series = st.st_series("II", lead, FS, peaks, chosen, (-40.0, 40.0), 60.0)
    assert series.slope_mv_per_s == pytest.approx([0.5] * 3, rel=0.12)


def test_under_three_beats_give_no_level():
    lead, peaks = lead_with_st([0.1] * 2)
    chosen = np.zeros(len(peaks), dtype=bool)
    chosen[:2] = True
    series = st.st_series("II", lead, FS, peaks, chosen, (-40.0, 40.0), 60.0)
    assert np.isnan(series.level_mv).all()


def test_the_reference_is_the_first_stable_five_minutes():
    wild = [0.0, 0.3] * 30
    levels = np.array(wild + [0.05] * 30 + [0.2] * 60)
    assert st.reference_mv(levels, "first_stable_300_s") == pytest.approx(0.05)
    assert st.reference_mv(levels, "first_30_s") == pytest.approx(0.0)
    assert st.reference_mv(np.full(40, np.nan), "first_30_s") is None


def test_without_a_stable_stretch_the_whole_median_serves():
    levels = np.array([0.0, 0.4] * 50 + [0.4])
    assert st.reference_mv(levels, "first_stable_300_s") == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([0.0] * 10 + [-0.1] * 6 + [0.0] * 10, [(10, 16)]),  # exactly 1 mm for 1 min
        ([0.0] * 10 + [-0.099] * 12 + [0.0] * 10, []),  # not 1 mm
        ([0.0] * 10 + [-0.2] * 5 + [0.0] * 10, []),  # not 1 min
        ([-0.2] * 6 + [0.0] * 5 + [-0.2] * 6, [(0, 17)]),  # less than 1 min apart
        ([-0.2] * 6 + [0.0] * 6 + [-0.2] * 6, [(0, 6), (12, 18)]),  # 1 min apart
        ([-0.2] * 6 + [0.2] * 6, [(0, 6), (6, 12)]),  # the other direction is another
        ([0.2] * 6 + [np.nan] * 3 + [0.2] * 3, [(0, 12)]),  # a hole does not end it
        ([], []),
    ],
)
def test_one_by_one_by_one(steps, expected):
    assert st.episode_steps(np.array(steps, dtype=float)) == expected


def test_an_episode_carries_its_numbers():
    levels = [0.0] * 40 + [-0.15] * 3 + [-0.2] * 6 + [0.0] * 10
    series = series_of(levels)
    rate = np.full(len(levels), 75.0)
    got = st.st_lead(series, CLOCK, rate, "first_stable_300_s")
    assert got is not None
    lead, (episode,) = got
    assert lead.reference_mv == pytest.approx(0.0, abs=1e-6)
    assert lead.max_depression_mv == pytest.approx(-0.2, abs=1e-6)
    assert lead.max_elevation_mv == pytest.approx(0.0, abs=1e-6)
    assert episode.direction == "depression"
    assert episode.onset.elapsed_s == pytest.approx(400.0)
    assert episode.duration_s == pytest.approx(90.0)
    assert episode.max_delta_mv == pytest.approx(-0.2, abs=1e-6)
    assert episode.onset_bpm == 75.0
    # 0.15 mV x 30 s + 0.2 mV x 60 s = 16.5 mV s = 0.275 mV min
    assert episode.burden_mv_min == pytest.approx(0.275, abs=1e-6)
    assert lead.burden_mv_min == pytest.approx(0.275, abs=1e-6)
    assert not episode.position_change_suspected


def test_a_jump_together_with_a_new_r_height_is_marked_as_a_turn():
    levels = [0.0] * 40 + [0.2] * 12
    series = series_of(levels)
    turned = st.StSeries(
        "II",
        series.level_mv,
        series.slope_mv_per_s,
        np.array([1.0] * 40 + [0.7] * 12),
    )
    got = st.st_lead(turned, CLOCK, np.full(52, 70.0), "first_stable_300_s")
    assert got is not None
    assert got[1][0].position_change_suspected


def test_step_rates_are_beats_over_their_intervals():
    sample = np.arange(1, 21) * int(FS)  # one beat a second
    rr = np.full(20, 1000.0)
    rr[0] = np.nan
    rate = st.step_rates(sample, rr, FS, int(30 * FS))
    assert rate[:2] == pytest.approx([60.0, 60.0])
