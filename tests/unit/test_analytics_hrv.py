"""Every number of heart rate variability, computed by hand or against neurokit2."""

import numpy as np
import pytest

from analytics import _neurokit, hrv
from analytics.holter_values import HrvFrequency, HrvTime, NotAssessable, Poincare, Reason

DAY_S = 86400.0


def series(nn_ms, start_s=0.0):
    """All-normal beats with these intervals."""
    nn_ms = np.asarray(nn_ms, dtype=np.float64)
    times: hrv.Floats = np.zeros(len(nn_ms) + 1)
    times[1:] = np.cumsum(nn_ms) / 1000.0
    times += start_s
    rr: hrv.Floats = np.full(len(nn_ms) + 1, np.nan)
    rr[1:] = nn_ms
    return hrv.nn_series(times, rr, np.ones(len(times), dtype=bool))


def test_nn_leaves_out_every_interval_that_touches_an_ectopic_beat():
    beat_s = np.arange(7, dtype=np.float64)
    rr = np.array([np.nan, 1000, 1000, 700, 1300, 1000, 1000], dtype=float)
    normal = np.array([True, True, True, False, True, True, True])
    nn = hrv.nn_series(beat_s, rr, normal)
    assert nn.nn_ms.tolist() == [1000, 1000, 1000, 1000]
    assert nn.ends_s.tolist() == [1, 2, 5, 6]
    assert nn.follows.tolist() == [False, True, False, True]


def test_one_missed_and_one_false_beat_are_no_variability():
    clean = [800] * 60
    nn = series([*clean, 1600, *clean, 390, 410, *clean])
    assert (nn.nn_ms == 800).all()
    assert len(nn.nn_ms) == 180
    assert nn.follows.sum() == 177
    # Breathing arrhythmia of +-25 % stays.
    breathing = [800 + 200 * np.sin(k / 2) for k in range(200)]
    assert len(series(breathing).nn_ms) == 200


def test_nn_does_not_bridge_a_gap():
    rr = np.array([np.nan, 1000, np.nan, 1000])
    nn = hrv.nn_series(np.array([0.0, 1, 60, 61]), rr, np.ones(4, dtype=bool))
    assert nn.nn_ms.tolist() == [1000, 1000]
    assert hrv.successive_differences(nn).tolist() == []


def test_time_indices_of_an_alternating_heart_are_those_computed_by_hand():
    # 200 intervals, 780 and 820 ms in turn: mean 800; every deviation is 20 ms.
    nn = series([780, 820] * 100)
    got = hrv.hrv_time(nn, 160.0)
    assert isinstance(got, HrvTime)
    assert got.nn_count == 200
    assert got.mean_nn_ms == pytest.approx(800.0)
    assert got.sdnn_ms == pytest.approx(20.0 * np.sqrt(200 / 199))
    assert got.rmssd_ms == pytest.approx(40.0)  # every difference is 40 ms
    assert got.pnn50_pct == 0.0
    # 199 differences, +40 first and last: 100 up and 99 down, mean 40/199.
    mean = 40.0 / 199
    assert got.sdsd_ms == pytest.approx(np.sqrt((40.0**2 - mean**2) * 199 / 198))
    # 780 / 7.8125 = 99.84 (bin 99), 820 / 7.8125 = 104.96 (bin 104): 100 each.
    assert got.triangular_index == pytest.approx(2.0)
    assert not got.whole_day
    assert got.sdann_ms is None


def test_pnn50_counts_only_differences_above_50_ms():
    # Differences +50, +51, -101, +50, +51, -101 ...: 50 does not count.
    nn = series([800, 850, 901] * 40)
    got = hrv.hrv_time(nn, 100.0)
    assert isinstance(got, HrvTime)
    over = 40 + 39  # 40 times +51, 39 times -101
    assert got.pnn50_pct == pytest.approx(100.0 * over / 119)


def test_sdann_and_sdnn_index_come_from_five_minute_segments():
    # 375 beats of 800 ms, then 300 of 1000 ms, then 500 of 600 ms: three segments.
    nn = series([800] * 375 + [1000] * 300 + [600] * 500, start_s=-0.0001)
    got = hrv.hrv_time(nn, 900.0)
    assert isinstance(got, HrvTime)
    assert got.segments_valid == 3
    assert got.sdann_ms == pytest.approx(np.std([800, 1000, 600], ddof=1))  # 200 ms
    assert got.sdnn_index_ms == pytest.approx(0.0, abs=1e-9)


def test_a_segment_with_less_than_80_percent_nn_does_not_count():
    first = series([1000] * 239)  # 239 s of the first 300
    assert hrv.valid_segments(first) == []
    assert len(hrv.valid_segments(series([1000] * 240))) == 1


def test_eighteen_hours_make_a_whole_day():
    nn = series([1000] * 200)
    for analysable_s, whole in ((18 * 3600.0, True), (18 * 3600.0 - 1, False)):
        got = hrv.hrv_time(nn, analysable_s)
        assert isinstance(got, HrvTime)
        assert got.whole_day is whole


def test_too_few_intervals_are_not_assessable():
    assert hrv.hrv_time(series([800] * 99), 80.0) == NotAssessable(Reason.TOO_FEW_BEATS)
    assert hrv.hrv_frequency(series([800] * 99), 80.0) == NotAssessable(Reason.TOO_SHORT)
    empty = series([])
    assert isinstance(hrv.hrv_time(empty, 0.0), NotAssessable)
    assert hrv.valid_segments(empty) == []


def modulated(amplitude_ms, hz, duration_s, mean_ms=800.0):
    """NN intervals whose length follows a sine of time."""
    beats, t = [], 0.0
    while t < duration_s:
        nn = mean_ms + amplitude_ms * np.sin(2 * np.pi * hz * t)
        beats.append(nn)
        t += nn / 1000.0
    return series(beats)


@pytest.mark.parametrize(
    ("hz", "band"), [(0.02, "vlf_ms2"), (0.1, "lf_ms2"), (0.25, "hf_ms2")]
)
def test_a_sine_of_40_ms_puts_800_ms2_into_its_band(hz, band):
    # Power of a sine: amplitude² / 2 = 800 ms².
    got = hrv.hrv_frequency(modulated(40.0, hz, 1500.0), 1500.0)
    assert isinstance(got, HrvFrequency)
    assert getattr(got, band) == pytest.approx(800.0, rel=0.12)
    others = {"vlf_ms2", "lf_ms2", "hf_ms2"} - {band}
    assert all(getattr(got, other) < 40.0 for other in others)
    assert got.total_ms2 == pytest.approx(got.vlf_ms2 + got.lf_ms2 + got.hf_ms2)
    assert got.ulf_ms2 is None


def test_normalised_units_and_ratio_follow_from_the_bands():
    got = hrv.hrv_frequency(modulated(40.0, 0.1, 1500.0), 1500.0)
    assert isinstance(got, HrvFrequency)
    assert got.lf_nu == pytest.approx(100 * got.lf_ms2 / (got.lf_ms2 + got.hf_ms2))
    assert got.lf_nu is not None
    assert got.hf_nu == pytest.approx(100 - got.lf_nu)
    assert got.lf_hf == pytest.approx(got.lf_ms2 / got.hf_ms2)


def test_ulf_holds_the_circadian_sine_of_a_whole_day():
    # Amplitude 100 ms at one cycle a day: 5000 ms², all below 0.003 Hz.
    nn = modulated(100.0, 1.0 / DAY_S, DAY_S)
    got = hrv.hrv_frequency(nn, DAY_S)
    assert isinstance(got, HrvFrequency)
    assert got.ulf_ms2 == pytest.approx(5000.0, rel=0.03)


def test_poincare_of_an_alternating_heart():
    # All ΔNN are ±40 ms: SD1² = ½·var(Δ) ≈ 800; SD2² = 2·400 − 800 ≈ 0.
    nn_ms = np.array([780.0, 820.0] * 100)
    rr = np.concatenate(([np.nan], nn_ms))
    kinds = np.full(201, "N")
    got = hrv.poincare(series(nn_ms), rr, kinds)
    assert isinstance(got, Poincare)
    assert got.sd1_ms == pytest.approx(np.sqrt(800.0), rel=0.01)
    assert got.sd2_ms < 3.0
    assert got.points_of == 199
    assert got.points[0] == (780, 820, "N")
    assert sum(got.rr_histogram) == 200
    assert got.rr_histogram[780 // 8] == 100
    assert got.rr_histogram[820 // 8] == 100
    assert sum(got.drr_histogram) == 199
    assert got.drr_histogram[(1000 + 40) // 8] == 100


def test_poincare_points_are_thinned_but_counted():
    rr = np.concatenate(([np.nan], np.full(20000, 800.0)))
    got = hrv.poincare(series(rr[1:]), rr, np.full(20001, "N"))
    assert isinstance(got, Poincare)
    assert len(got.points) <= hrv.MAX_POINTS
    assert got.points_of == 19999


def test_time_numbers_agree_with_neurokit2(rng):
    nn_ms = 850 + np.cumsum(rng.normal(0, 6, 4000)) * 0.4 + rng.normal(0, 25, 4000)
    theirs = _neurokit.hrv_numbers(nn_ms)
    nn = series(nn_ms)
    ours = hrv.hrv_time(nn, 3400.0)
    assert isinstance(ours, HrvTime)
    assert ours.mean_nn_ms == pytest.approx(theirs["mean_nn_ms"], rel=1e-6)
    assert ours.sdnn_ms == pytest.approx(theirs["sdnn_ms"], rel=1e-6)
    assert ours.rmssd_ms == pytest.approx(theirs["rmssd_ms"], rel=1e-6)
    assert ours.sdsd_ms == pytest.approx(theirs["sdsd_ms"], rel=1e-6)
    # neurokit2 divides by the number of intervals, the Task Force by the differences.
    assert ours.pnn50_pct == pytest.approx(theirs["pnn50_pct"], rel=1e-3)
