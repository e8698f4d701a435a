"""QT on beats drawn with known boundaries; corrections computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from analytics import qt
from analytics.holter_medians import MedianBeats, median_beats
from analytics.holter_values import NotAssessable, QtSummary, Reason

FS = 500.0


def beat_wave(t_s, *, t_end_s=0.36, t_mv=0.3, qrs_s=0.08, second_mv=0.0):
    """One heart beat: a triangular QRS around 0 and a triangular T wave.

    The T wave falls in a straight line, so its tangent end is where it meets zero.
    """
    wave = 1.2 * np.clip(1.0 - np.abs(t_s) / (qrs_s / 2), 0.0, None)
    peak = t_end_s - 0.08
    rise = np.clip((t_s - (peak - 0.10)) / 0.10, 0.0, 1.0)
    fall = np.clip((t_end_s - t_s) / 0.08, 0.0, 1.0)
    wave += t_mv * np.minimum(rise, fall)
    middle = t_end_s + 0.05
    wave += second_mv * np.clip(1.0 - np.abs(t_s - middle) / 0.05, 0.0, None)
    return wave + 0.1 * np.exp(-(((t_s + 0.16) / 0.02) ** 2))


def ecg(rr_s, n_beats, **shape):
    """A lead with a beat every ``rr_s``, and its R peaks."""
    n = int((n_beats + 1) * rr_s * FS)
    lead = np.zeros(n)
    peaks = np.round((np.arange(n_beats) + 0.5) * rr_s * FS).astype(np.int64)
    t = np.arange(-int(0.3 * FS), int(0.68 * FS)) / FS
    for r in peaks:
        at = r + np.arange(len(t)) - int(0.3 * FS)
        ok = (at >= 0) & (at < n)
        lead[at[ok]] += beat_wave(t, **shape)[ok]
    return lead, peaks


def medians_of(lead, peaks, rr_s, stretch_s=30.0):
    rr = np.full(len(peaks), rr_s * 1000.0)
    return median_beats(lead, FS, peaks, rr, np.ones(len(peaks), dtype=bool), stretch_s)


def test_landmarks_lie_where_the_beat_was_drawn():
    lead, peaks = ecg(1.0, 70)
    marks = medians_of(lead, peaks, 1.0).landmarks()
    assert len(marks.qt_ms) >= 2
    assert marks.onset_ms == pytest.approx(-40.0, abs=14.0)
    assert marks.j_ms == pytest.approx(40.0, abs=14.0)
    assert marks.t_end_ms == pytest.approx(360.0, abs=6.0)
    assert marks.qt_ms == pytest.approx(400.0, abs=16.0)


def test_an_inverted_t_wave_is_measured_alike():
    lead, peaks = ecg(1.0, 70, t_mv=-0.3)
    marks = medians_of(lead, peaks, 1.0).landmarks()
    assert marks.t_end_ms == pytest.approx(360.0, abs=6.0)
    assert (marks.t_mv < 0).all()


def test_a_biphasic_t_wave_ends_with_its_second_half():
    lead, peaks = ecg(1.0, 70, t_mv=-0.3, second_mv=0.2)
    marks = medians_of(lead, peaks, 1.0).landmarks()
    assert marks.t_end_ms == pytest.approx(460.0, abs=12.0)


def test_a_flat_t_wave_has_no_end():
    lead, peaks = ecg(1.0, 70, t_mv=0.02)
    assert np.isnan(medians_of(lead, peaks, 1.0).landmarks().t_end_ms).all()


def test_half_a_minute_with_under_five_beats_gives_no_median():
    lead, peaks = ecg(1.0, 4)
    assert len(medians_of(lead, peaks, 1.0).rr_ms) == 0
    assert len(medians_of(lead, peaks, 1.0).landmarks().qt_ms) == 0


def test_beats_beside_missing_samples_are_left_out():
    lead, peaks = ecg(1.0, 70)
    lead[int(5 * FS) : int(20 * FS)] = np.nan
    medians = medians_of(lead, peaks, 1.0)
    assert medians.beats[0] < 20
    assert np.isfinite(medians.wave_mv).all()


def test_corrections_are_those_computed_by_hand():
    # QT 400 ms at RR 640 ms (93.75 bpm).
    q, rr = np.array([400.0]), np.array([640.0])
    assert qt.bazett_ms(q, rr)[0] == pytest.approx(400.0 / 0.8)  # 500.0
    assert qt.fridericia_ms(q, rr)[0] == pytest.approx(400.0 / 0.8617739, rel=1e-6)
    assert qt.framingham_ms(q, rr)[0] == pytest.approx(400.0 + 154.0 * 0.36)  # 455.44
    assert qt.hodges_ms(q, rr)[0] == pytest.approx(400.0 + 1.75 * 33.75)  # 459.0625
    for formula in qt.FORMULAS.values():  # nothing to correct at 60 bpm
        assert formula(q, np.array([1000.0]))[0] == pytest.approx(400.0)


def test_a_steady_day_gives_the_drawn_qt_in_every_formula():
    lead, peaks = ecg(1.0, 200)
    medians = medians_of(lead, peaks, 1.0)
    marks = medians.landmarks()
    got = qt.qt_summary(medians, marks)
    assert isinstance(got, QtSummary)
    assert got.qt_median_ms == pytest.approx(400.0, abs=16.0)
    assert got.qtc_median_ms is not None
    for value in got.qtc_median_ms.values():
        assert value == pytest.approx(got.qt_median_ms, abs=0.5)
    assert got.share_450_pct == 0.0
    assert got.qtc_max_hourly_ms == pytest.approx(got.qt_median_ms, abs=0.5)
    assert got.jt_median_ms == pytest.approx(got.qt_median_ms - got.qrs_median_ms, abs=0.5)


def test_a_long_qt_is_in_every_share():
    lead, peaks = ecg(1.0, 200, t_end_s=0.52)
    medians = medians_of(lead, peaks, 1.0)
    got = qt.qt_summary(medians, medians.landmarks())
    assert isinstance(got, QtSummary)
    assert got.share_450_pct == got.share_460_pct == got.share_500_pct == 100.0


def test_a_wide_qrs_is_not_graded_but_jt_is_given():
    lead, peaks = ecg(1.0, 200, qrs_s=0.16, t_end_s=0.42)
    medians = medians_of(lead, peaks, 1.0)
    got = qt.qt_summary(medians, medians.landmarks())
    assert isinstance(got, QtSummary)
    assert got.qrs_median_ms > 120.0
    assert got.qtc_median_ms is None
    assert got.qtc_max_hourly_ms is None
    assert got.share_500_pct is None


def made(rr_ms, step_s=30.0):
    rr_ms = np.asarray(rr_ms, dtype=float)
    first = (np.arange(len(rr_ms)) * step_s * FS).astype(np.int64)
    count = np.full(len(rr_ms), 30)
    return MedianBeats(FS, first, np.zeros((len(rr_ms), 10)), 5, rr_ms, count)


def test_only_a_minute_of_steady_rate_between_50_and_100_is_graded():
    # 1000, 1010 steady; 700 alone; 590 too fast (101.7 bpm) although steady.
    assert qt.steady(made([1000, 1010, 700, 590, 590])).tolist() == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert qt.steady(made([1000])).tolist() == [False]
    apart = made([1000, 1000], step_s=90.0)
    assert qt.steady(apart).tolist() == [False, False]


def test_nothing_graded_is_not_assessable():
    lead, peaks = ecg(0.55, 200)  # 109 bpm
    medians = medians_of(lead, peaks, 0.55)
    got = qt.qt_summary(medians, medians.landmarks())
    assert got == NotAssessable(Reason.NO_CLEAN_STRETCH)


def test_the_qt_rr_slope_of_a_drawn_line_is_found():
    rr = np.linspace(800, 1100, 60)
    medians = made(rr)
    lead, peaks = ecg(1.0, 70)
    shape = medians_of(lead, peaks, 1.0).landmarks()
    onset = np.full(60, -40.0)
    j = np.full(60, 40.0)
    end = 0.15 * rr + 250.0 - 40.0
    marks = replace(shape, onset_ms=onset, j_ms=j, t_end_ms=end)
    got = qt.qt_summary(medians, marks, is_day=np.ones(60, dtype=bool))
    assert isinstance(got, QtSummary)
    assert got.qt_rr_slope_day == pytest.approx(0.15)
    assert got.qt_rr_slope_night is None
