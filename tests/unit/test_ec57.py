"""EC57 comparison against cases worked out by hand."""

import numpy as np
import pytest

from analytics.ec57 import (
    AAMI_OF_SYMBOL,
    ROWS,
    WFDB_AAMI_OF_SYMBOL,
    Annotations,
    Ratio,
    compare_beats,
    summarize,
)
from analytics.ec57_episodes import compare_episodes
from analytics.ec57_runs import compare_runs
from analytics.errors import BadShape

FS = 100.0  # Hz: the window of 150 ms is 15 samples


def beats(times_s, labels, **spans):
    samples = np.round(np.asarray(times_s, dtype=float) * FS).astype(np.int64)
    scaled = {
        name: tuple((int(a * FS), int(b * FS)) for a, b in value)
        for name, value in spans.items()
    }
    return Annotations(samples, list(labels), **scaled)


def cell(result, ref, test):
    return int(result.matrix[ROWS.index(ref), ROWS.index(test)])


def compare(reference, test, **options):
    options.setdefault("start_s", 0.0)
    return compare_beats(reference, test, FS, end_sample=2000, **options)


def pct(result, name):
    return result.statistics[name].pct


def test_beats_within_150_ms_are_one_beat_and_beyond_are_two_errors():
    ref = beats([1.0, 2.0, 3.0], "NNN")
    test = beats([1.15, 2.16, 3.0], "NNN")
    result = compare(ref, test)
    assert cell(result, "N", "N") == 2
    assert cell(result, "N", "O") == 1
    assert cell(result, "O", "N") == 1
    assert pct(result, "qrs_se") == pytest.approx(200 / 3)
    assert pct(result, "qrs_ppv") == pytest.approx(200 / 3)


def test_of_two_test_beats_near_one_reference_beat_the_nearer_is_paired():
    ref = beats([1.0, 2.0], "NN")
    test = beats([0.90, 1.02, 2.0], "VNN")
    result = compare(ref, test)
    assert cell(result, "O", "V") == 1
    assert cell(result, "N", "N") == 2


def test_learning_period_is_left_out():
    ref = beats([1, 2, 301, 302], "VVNN")
    test = beats([301, 302], "NN")
    result = compare_beats(ref, test, FS, end_sample=40000)
    assert int(result.matrix.sum()) == 2
    assert pct(result, "v_se") is None


def test_beat_on_the_border_of_the_learning_period_is_paired_with_the_one_before_it():
    ref = beats([299.0, 300.05, 301.0], "NVN")
    test = beats([299.0, 299.98, 301.0], "NVN")
    result = compare_beats(ref, test, FS, end_sample=40000)
    assert cell(result, "V", "V") == 1
    assert cell(result, "N", "N") == 1
    assert int(result.matrix.sum()) == 2


def test_extra_test_beat_just_after_the_border_is_not_counted_when_a_better_one_follows():
    ref = beats([300.20, 301.0], "NN")
    test = beats([300.10, 300.21, 301.0], "NNN")
    result = compare_beats(ref, test, FS, end_sample=40000)
    assert cell(result, "N", "N") == 2
    assert int(result.matrix.sum()) == 2


def test_reference_f_and_q_called_v_are_excused_but_n_and_s_are_not():
    ref = beats(range(1, 7), "VNSFQV")
    test = beats(range(1, 7), "VVVVVN")
    result = compare(ref, test)
    assert result.statistics["v_se"] == Ratio(1, 2)
    assert result.statistics["v_ppv"] == Ratio(1, 3)


def test_reference_q_called_s_is_excused_but_f_is_not():
    ref = beats(range(1, 6), "SNFQV")
    test = beats(range(1, 6), "SSSSS")
    result = compare(ref, test)
    assert result.statistics["s_se"] == Ratio(1, 1)
    assert result.statistics["s_ppv"] == Ratio(1, 4)


def test_v_false_positive_rate_counts_all_that_is_not_v_and_was_seen():
    ref = beats(range(1, 7), "NNNFQV")
    test = beats([1, 2, 3, 4, 5, 6, 7], "VNNNNVN")
    result = compare(ref, test)
    # False: N called V. True negatives: two N, F, Q called N and the extra N.
    assert result.statistics["v_fpr"] == Ratio(1, 6)


def test_beats_missed_in_shutdown_are_counted_apart():
    ref = beats([1, 2, 3, 4, 5], "NVNNN")
    test = beats([1, 5], "NN", shutdown=[(1.5, 3.5)])
    result = compare(ref, test)
    assert cell(result, "V", "X") == 1
    assert cell(result, "N", "X") == 1
    assert cell(result, "N", "O") == 1
    assert result.shutdown_s == pytest.approx(2.0)
    assert result.statistics["missed_in_shutdown"] == Ratio(2, 5)
    assert result.statistics["v_missed_in_shutdown"] == Ratio(1, 1)


def test_test_beats_in_reference_shutdown_are_x_and_in_reference_vf_not_counted():
    ref = beats([1, 10], "NN", shutdown=[(2.0, 4.0)], vf=[(5.0, 9.0)])
    test = beats([1, 3, 6, 7, 10], "NNVVN")
    result = compare(ref, test)
    assert cell(result, "X", "N") == 1
    assert int(result.matrix.sum()) == 3
    assert pct(result, "v_ppv") is None


def test_rr_error_is_the_rms_of_interval_differences():
    ref = beats([1, 2, 3], "NNN")
    test = beats([1.0, 2.03, 3.0], "NNN")
    result = compare(ref, test)
    # Differences of the two intervals: +30 ms and -30 ms.
    assert result.rr_error_rms_ms == pytest.approx(30.0)


def test_rr_intervals_across_shutdown_are_no_intervals():
    ref = beats([1, 2, 8, 9], "NNNN")
    test = beats([1, 2, 8.1, 9.1], "NNNN", shutdown=[(3.0, 7.0)])
    result = compare(ref, test)
    assert result.rr_error_rms_ms == pytest.approx(0.0)


def test_paced_beats_are_q():
    result = compare(beats([1], "/"), beats([1], "Q"))
    assert cell(result, "Q", "Q") == 1


def test_escape_beats_are_n_in_the_standard_and_s_in_wfdb():
    assert {AAMI_OF_SYMBOL[s] for s in "ejnNLRB"} == {"N"}
    assert {WFDB_AAMI_OF_SYMBOL[s] for s in "ejnAaJS"} == {"S"}
    assert "+" not in AAMI_OF_SYMBOL


def test_arrays_that_do_not_fit_are_refused():
    bad = Annotations(np.array([1, 2], dtype=np.int64), ["N"])
    with pytest.raises(BadShape):
        compare(bad, beats([1], "N"))
    with pytest.raises(BadShape):
        compare(beats([1], "x"), beats([1], "N"))
    with pytest.raises(BadShape):
        compare(beats([2, 1], "NN"), beats([1], "N"))


def test_gross_pools_beats_and_average_pools_records():
    records = [{"se": Ratio(90, 100)}, {"se": Ratio(5, 10)}, {"se": Ratio(0, 0)}]
    summary = summarize(records)["se"]
    assert summary.gross_pct == pytest.approx(95 / 1.1)
    assert summary.average_pct == pytest.approx(70.0)
    assert summary.records == 2


def runs(ref_labels, test_labels, kind="V", **spans):
    times = np.arange(1, len(ref_labels) + 1)
    ref = beats(times, ref_labels, **spans)
    test = beats(times, test_labels)
    return compare_runs(ref, test, FS, end_sample=10_000, start_s=0.0, kind=kind)


def test_couplet_is_found_by_two_or_more_and_missed_by_one():
    result = runs("NVVNNVVNNVVN", "NVVNNVVVNVNN")
    assert result.statistics["couplet_se"] == Ratio(2, 3)
    # Only one test run is a couplet; the reference has two beats there.
    assert result.statistics["couplet_ppv"] == Ratio(1, 1)


def test_short_run_needs_three_and_long_run_needs_six():
    result = runs("NVVVVNNVVVVVVVNN", "NVVVNNNVVVVVNNNN")
    assert result.statistics["short_run_se"] == Ratio(1, 1)
    assert result.statistics["long_run_se"] == Ratio(0, 1)
    assert result.statistics["short_run_ppv"] == Ratio(2, 2)


def test_false_run_counts_against_positive_predictivity():
    result = runs("NNNNNNN", "NVVVNNN")
    assert result.statistics["short_run_ppv"] == Ratio(0, 1)
    assert result.ppv_matrix[0, 3] == 1


def test_fusion_beats_belong_to_ventricular_runs_and_s_beats_end_them():
    result = runs("NVFVNNVSVN", "NVVVNNVVVN")
    assert result.se_matrix[3, 3] == 1
    # Each V beside the S is a run of one; 150 ms do not reach the next beat.
    assert result.se_matrix[1, 1] == 2
    assert result.ppv_matrix[1, 3] == 1


def test_ventricular_fibrillation_is_a_run_of_six():
    ref = beats([1, 20], "NN", vf=[(5.0, 10.0)])
    test = beats([1, 5, 6, 7, 8, 9, 10, 20], "NVVVVVVN")
    result = compare_runs(ref, test, FS, end_sample=10_000, start_s=0.0)
    assert result.statistics["long_run_se"] == Ratio(1, 1)
    assert result.statistics["long_run_ppv"] == Ratio(1, 1)


def test_supraventricular_runs_hold_s_beats_and_af():
    ref = beats(range(1, 13), "NSSNNNNNNNNN", af=[(6.5, 10.5)])
    test = beats(range(1, 13), "NSSNNNNNNNNN")
    result = compare_runs(ref, test, FS, end_sample=10_000, start_s=0.0, kind="S")
    assert result.statistics["couplet_se"] == Ratio(1, 1)
    assert result.statistics["long_run_se"] == Ratio(0, 1)


def episodes(ref_s, test_s, **options):
    def scale(spans):
        return [(int(a * FS), int(b * FS)) for a, b in spans]

    for name in ("excluded",):
        if name in options:
            options[name] = scale(options[name])
    options.setdefault("start_s", 0.0)
    return compare_episodes(scale(ref_s), scale(test_s), FS, end_sample=100_000, **options)


def test_any_overlap_finds_an_episode_and_duration_counts_the_overlap():
    result = episodes([(10, 30), (50, 60)], [(25, 45)])
    assert result.statistics["episode_se"] == Ratio(1, 2)
    assert result.statistics["episode_ppv"] == Ratio(1, 1)
    assert result.statistics["duration_se"] == Ratio(5, 30)
    assert result.statistics["duration_ppv"] == Ratio(5, 20)
    assert result.missed == ((5000, 6000),)


def test_episodes_are_cut_to_the_test_period():
    result = episodes([(200, 400)], [(290, 350)], start_s=300.0)
    assert result.reference_s == pytest.approx(100.0)
    assert result.statistics["duration_se"] == Ratio(50, 100)
    assert result.statistics["duration_ppv"] == Ratio(50, 50)


def test_flutter_is_left_out_of_positive_predictivity_of_fibrillation():
    result = episodes([(10, 20)], [(15, 40)], excluded=[(20, 35)])
    assert result.statistics["duration_ppv"] == Ratio(5, 10)
    wholly = episodes([], [(21, 30)], excluded=[(20, 35)])
    assert wholly.statistics["episode_ppv"] == Ratio(0, 0)


def test_short_episodes_can_be_ignored():
    result = episodes([(10, 14), (20, 40)], [(10, 40)], min_length_s=10.0)
    assert result.statistics["episode_se"] == Ratio(1, 1)
    assert result.reference_s == pytest.approx(20.0)


def test_st_episode_is_found_by_its_extremum_or_by_half_of_it():
    by_extremum = episodes([(0.01, 100)], [(0.01, 10)], reference_extrema=[500])
    assert by_extremum.statistics["episode_se"] == Ratio(1, 1)
    neither = episodes([(0.01, 100)], [(0.01, 10)], reference_extrema=[5000])
    assert neither.statistics["episode_se"] == Ratio(0, 1)
    half = episodes([(0, 100)], [(0, 50)], reference_extrema=[9000])
    assert half.statistics["episode_se"] == Ratio(1, 1)


def test_perfect_answer_is_perfect_on_a_real_record(shared_ecg):
    wfdb = pytest.importorskip("wfdb")
    ann = wfdb.rdann(str(shared_ecg / "mitdb" / "223"), "atr")
    pairs = [
        (s, WFDB_AAMI_OF_SYMBOL[sym])
        for s, sym in zip(ann.sample, ann.symbol, strict=True)
        if sym in WFDB_AAMI_OF_SYMBOL
    ]
    side = Annotations(np.array([s for s, _ in pairs]), [c for _, c in pairs])
    result = compare_beats(side, side, 360.0, end_sample=650_000)
    assert pct(result, "qrs_se") == pct(result, "qrs_ppv") == 100.0
    assert pct(result, "v_se") == pct(result, "s_ppv") == 100.0
    assert result.rr_error_rms_ms == 0.0
