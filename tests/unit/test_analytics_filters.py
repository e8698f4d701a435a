import numpy as np
import pytest

from analytics import filters
from analytics.errors import BadSamplingRate, BadShape

RATES = [100.0, 125.0, 130.0, 200.0, 250.0, 256.0, 300.0, 333.0, 360.0, 500.0, 1000.0]


@pytest.mark.parametrize("fs", RATES)
def test_a_signal_resampled_in_pieces_equals_the_whole_bit_by_bit(
    fs: float, rng: np.random.Generator
) -> None:
    ecg = rng.standard_normal(int(20 * fs)).cumsum() * 0.01
    rate = filters.resampling(fs)
    count = ecg.size * rate.up // rate.down
    whole = filters.resample_span(ecg, rate, 0, 0, count)
    parts, done = [], 0
    while done < count:
        end = min(count, done + int(rng.integers(1, 400)))
        low = max(0, done * rate.down // rate.up - rate.reach - rate.down)
        high = min(ecg.size, end * rate.down // rate.up + rate.reach)
        parts.append(filters.resample_span(ecg[low:high], rate, low, done, end))
        done = end
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("fs", RATES)
def test_beyond_both_ends_the_edge_values_go_on(fs: float) -> None:
    rate = filters.resampling(fs)
    out = filters.resample_span(np.full(int(2 * fs), 0.7), rate, 0, -50, 300)
    assert out.size == 350
    assert np.abs(out - 0.7).max() < 0.01


def test_a_ten_hertz_sine_survives_resampling_in_place_and_height() -> None:
    at = np.arange(3600) / 360.0
    rate = filters.resampling(360.0)
    out = filters.resample_span(np.sin(2 * np.pi * 10 * at), rate, 0, 0, 1250)
    expected = np.sin(2 * np.pi * 10 * np.arange(1250) / 125.0)
    assert np.abs(out - expected)[50:-50].max() < 0.005


def test_the_high_pass_removes_an_offset_and_keeps_a_narrow_bump() -> None:
    bump = np.exp(-0.5 * ((np.arange(500) - 250) / 2.0) ** 2)
    out = filters.high_pass_valid(bump + 7.0)
    assert out.size == 500 - 2 * filters.HIGH_PASS_HALF
    assert out.max() == pytest.approx(1.0, abs=0.12)
    assert abs(np.median(out)) < 0.02


def test_holes_are_bridged_by_straight_lines_and_named() -> None:
    filled, missing = filters.fill_holes(np.array([0.0, np.nan, np.nan, 3.0]))
    assert filled.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert missing.tolist() == [False, True, True, False]


def test_holes_at_the_ends_go_on_as_the_nearest_sample() -> None:
    nan = np.nan
    filled, missing = filters.fill_holes(np.array([nan, nan, 2.0, nan, nan, 5.0, nan]))
    assert filled.tolist() == [2.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0]
    assert missing.tolist() == [True, True, False, True, True, False, True]
    assert filters.fill_holes(np.full(3, nan))[0].tolist() == [0.0, 0.0, 0.0]


def test_the_amplitude_is_not_blown_up_when_the_heart_stops() -> None:
    ranges = np.concatenate([np.full(120, 1.0), np.full(60, 0.01)])
    scale = filters.amplitude_scale(ranges, 0)
    assert scale[119] == pytest.approx(1.0)
    assert scale[-1] == pytest.approx(0.3)


@pytest.mark.parametrize("first", [0, 10, 29, 40, 299, 310])
def test_the_amplitude_at_a_second_depends_on_the_past_only(
    first: int, rng: np.random.Generator
) -> None:
    ranges = rng.uniform(0.5, 2.0, 320)
    whole = filters.amplitude_scale(ranges, 0)
    assert filters.amplitude_scale(ranges[: first + 1], first)[0] == whole[first]


def test_runs_gives_first_and_end_of_each_stretch() -> None:
    flags = np.array([True, True, False, True])
    assert filters.runs(flags).tolist() == [[0, 2], [3, 4]]


@pytest.mark.parametrize("fs", [99.0, 1001.0])
def test_a_rate_outside_100_to_1000_hz_is_refused(fs: float) -> None:
    with pytest.raises(BadSamplingRate):
        filters.check_fs(fs)


def test_two_leads_are_not_one() -> None:
    with pytest.raises(BadShape):
        filters.one_lead(np.zeros((10, 2)))
    with pytest.raises(BadShape):
        filters.all_leads(np.zeros((2, 2, 2)))
