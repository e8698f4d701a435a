"""Boundaries of P, QRS and T: on drawn beats, and beside those that people marked."""

import numpy as np
import pytest

from analytics.delineation import (
    AFTER_S,
    BEFORE_S,
    delineate,
    delineate_beats,
    median_rows,
    rows_at,
)
from analytics.delineation_p import average_p_waves, likeness
from analytics.records import read_annotations, read_record

FS = 500.0
R = round(BEFORE_S * FS)
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")


def ramped(t, begin, peak, end):
    """A triangle of height 1."""
    rise = (t - begin) / (peak - begin)
    fall = (end - t) / (end - peak)
    return np.clip(np.minimum(rise, fall), 0.0, None)


def drawn(*, p_mv=0.15, t_mv=0.3, pr_s=0.16, wide_s=0.08, fs=FS):
    """One row: P of 90 ms, QRS of ``wide_s`` around R, T from 200 to 360 ms."""
    t = np.arange(-round(BEFORE_S * fs), round(AFTER_S * fs) + 1) / fs
    onset = -wide_s / 2
    wave = 1.2 * np.clip(1.0 - np.abs(t) / (wide_s / 2), 0.0, None)
    begin = onset - pr_s
    wave += p_mv * ramped(t, begin, begin + 0.045, begin + 0.09)
    return wave + t_mv * ramped(t, 0.20, 0.28, 0.36)


def of_row(wave, rr_s=0.9, fs=FS):
    return delineate(wave[None], round(BEFORE_S * fs), fs, np.array([rr_s]))


def test_every_boundary_lies_where_it_was_drawn():
    got = of_row(drawn())
    assert got.p_onset_ms == pytest.approx(-200.0, abs=12.0)
    assert got.p_peak_ms == pytest.approx(-155.0, abs=6.0)
    assert got.p_end_ms == pytest.approx(-110.0, abs=12.0)
    assert got.onset_ms == pytest.approx(-40.0, abs=12.0)
    assert got.j_ms == pytest.approx(40.0, abs=12.0)
    assert got.t_onset_ms == pytest.approx(200.0, abs=12.0)
    assert got.t_peak_ms == pytest.approx(280.0, abs=8.0)
    assert got.t_end_ms == pytest.approx(360.0, abs=8.0)
    assert got.pr_ms == pytest.approx(160.0, abs=16.0)
    assert got.t_mv == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("fs", [128.0, 250.0, 360.0, 1000.0])
def test_the_sampling_rate_does_not_move_them(fs):
    got, fine = of_row(drawn(fs=fs), fs=fs), of_row(drawn())
    for name in ("p_onset_ms", "onset_ms", "j_ms", "t_end_ms"):
        assert getattr(got, name) == pytest.approx(getattr(fine, name), abs=16.0)


@pytest.mark.parametrize("factor", [0.5, -1.0, 3.0])
def test_scale_and_polarity_do_not_move_them(factor):
    got, usual = of_row(factor * drawn()), of_row(drawn())
    for name in ("onset_ms", "j_ms", "t_peak_ms", "t_end_ms", "p_peak_ms"):
        assert getattr(got, name) == pytest.approx(getattr(usual, name), abs=2.5)


def test_a_tall_steep_p_wave_is_no_part_of_the_qrs():
    got = of_row(drawn(p_mv=0.8))
    assert got.onset_ms == pytest.approx(-40.0, abs=12.0)
    assert got.p_peak_ms == pytest.approx(-155.0, abs=6.0)


def test_without_a_hump_there_is_no_p_wave():
    got = of_row(drawn(p_mv=0.0))
    assert np.isnan(got.p_peak_ms[0])
    assert np.isnan(got.pr_ms[0])
    assert got.p_mv[0] == 0.0


def test_a_fast_rhythm_takes_no_t_wave_for_a_p_wave():
    # At 450 ms the T before ends 190 ms before this R, in the middle of the search.
    t = np.arange(-R, round(AFTER_S * FS) + 1) / FS
    wave = drawn(p_mv=0.0, t_mv=0.0)
    for r in (-0.45, 0.0, 0.45):
        wave += 0.3 * ramped(t - r, 0.12, 0.19, 0.26)
    assert np.isnan(of_row(wave, rr_s=0.45).p_peak_ms[0])


def test_no_rows_give_no_boundaries():
    got = delineate(np.empty((0, 10)), 5, FS, np.empty(0))
    assert got.qt_ms.size == got.pr_ms.size == 0


def test_single_beats_of_a_clean_lead_agree_with_their_average():
    rr_s, n = 0.9, 20
    lead = np.zeros(round((n + 2) * rr_s * FS))
    r_peaks = (1.0 * FS + np.arange(n) * rr_s * FS).astype(np.int64)
    row = drawn()
    for r in r_peaks.tolist():
        lead[r - R : r - R + row.size] += row
    single = delineate_beats(lead, FS, r_peaks, np.full(n, rr_s))
    average = median_rows(rows_at(lead, r_peaks, FS)[None])
    whole = delineate(average, R, FS, np.array([rr_s]))
    for name in ("p_onset_ms", "onset_ms", "j_ms", "t_end_ms"):
        inner = getattr(single, name)[1:-1]
        assert inner == pytest.approx(np.full(n - 2, getattr(whole, name)[0]), abs=2.0)
    (wave,) = average_p_waves(lead, FS, r_peaks[None], np.full((1, n), rr_s))
    assert wave.evidence > 0.95
    assert wave.pr_s == pytest.approx(0.16, abs=0.016)
    assert wave.t_end_s == pytest.approx(0.36, abs=0.01)


def test_a_p_wave_that_keeps_no_distance_is_no_evidence(rng):
    rr_s, n = 1.2, 24
    lead = rng.normal(0.0, 0.005, round((n + 2) * rr_s * FS))
    r_peaks = (1.0 * FS + np.arange(n) * rr_s * FS).astype(np.int64)
    for r in r_peaks.tolist():
        row = drawn(pr_s=float(rng.uniform(0.1, 0.4)))
        lead[r - R : r - R + row.size] += row
    (wave,) = average_p_waves(lead, FS, r_peaks[None], np.full((1, n), rr_s))
    assert wave.evidence < 0.6


def test_likeness_is_a_correlation():
    shape = np.array([-1.0, 0.0, 1.0])
    rows = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 3.0, 1.0]])
    assert likeness(rows, shape) == pytest.approx([1.0, -1.0, 0.0], abs=1e-6)


def marked(path):
    """Manual boundaries of each beat after its R, ms; NaN where nobody marked one."""
    notes = read_annotations(path, "q1c")
    sample, symbol = notes.sample.tolist(), ["", *notes.symbol, ""]
    rows, p_wave = [], None
    for i, at in enumerate(sample):
        before, kind, after = symbol[i : i + 3]
        begin = sample[i - 1] if before == "(" else np.nan
        end = sample[i + 1] if after == ")" else np.nan
        if kind == "p":
            p_wave = (begin, at, end)
        elif kind in BEATS:
            near = p_wave is not None and at - p_wave[1] < 125
            p_wave = p_wave if near else (np.nan,) * 3
            rows.append([at, *(p_wave or ()), begin, end, np.nan])
            p_wave = None
        elif kind == "t" and rows:
            rows[-1][-1] = end
    table = np.array(rows, dtype=np.float64)
    return table[:, 0].astype(np.int64), table


LIMITS = {
    # boundary: mean and standard deviation of the error over records, ms
    "p_onset_ms": (10.0, 27.0),
    "p_peak_ms": (10.0, 25.0),
    "p_end_ms": (10.0, 28.0),
    "onset_ms": (6.0, 12.0),
    "j_ms": (6.0, 24.0),
    "t_end_ms": (14.0, 44.0),
}
"""Measured on all 66 records, first lead: see docs/benchmarks.md; a tenth is slack."""


def test_boundaries_stand_beside_those_that_people_marked(shared_ecg):
    errors: dict[str, list[float]] = {name: [] for name in LIMITS}
    for path in sorted((shared_ecg / "qtdb").glob("*.q1c")):
        recording = read_record(path.with_suffix(""), leads=[0])
        fs, lead = recording.fs, np.nan_to_num(recording.lead_mv(0))
        at, table = marked(path.with_suffix(""))
        if len(at) < 5:
            continue
        # The mark is in the QRS; R is its highest point in this lead.
        near = at[:, None] + np.arange(-round(0.06 * fs), round(0.06 * fs) + 1)
        level = np.median(lead)
        height = np.abs(lead[np.clip(near, 0, lead.size - 1)] - level)
        r_peaks = near[np.arange(len(at)), height.argmax(axis=1)]
        rr_s = np.clip(np.median(np.diff(r_peaks)) / fs, 0.3, 2.0)
        average = median_rows(rows_at(lead, r_peaks, fs)[None])
        got = delineate(average, round(BEFORE_S * fs), fs, np.array([rr_s]))
        for column, name in enumerate(LIMITS, start=1):
            manual = (table[:, column] - r_peaks) * 1000.0 / fs
            if np.isfinite(manual).sum() >= 3:
                errors[name].append(getattr(got, name)[0] - np.nanmedian(manual))
    for name, (mean, spread) in LIMITS.items():
        found = np.array(errors[name])
        known = found[np.isfinite(found)]
        assert len(known) >= 0.9 * len(found) > 50, name
        assert abs(known.mean()) <= mean, (name, known.mean())
        assert known.std() <= spread, (name, known.std())
