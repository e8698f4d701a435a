from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from analytics import (
    beat_features,
    beats,
    qrs,
    quality,
    supraventricular,
    supraventricular_model,
)
from analytics.types import QualityWindow
from analytics.vocabulary import Aami, Grade

NONE = np.zeros(0, dtype=bool)


def no_v(rr: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.zeros(rr.size, dtype=bool)


def called(rr: NDArray[np.float64]) -> NDArray[np.bool_]:
    return supraventricular.evidence(rr, no_v(rr)) > 0.5


def weighed(rr: NDArray[np.float64]) -> NDArray[np.bool_]:
    return supraventricular_model.probability(rr, no_v(rr)) > 0.5


def test_a_premature_beat_in_an_even_rhythm_is_supraventricular(
    rng: np.random.Generator,
) -> None:
    rr = 0.8 + 0.01 * rng.standard_normal(200)
    rr[[50, 100, 150]] = 0.55
    rr[[51, 101, 151]] = 0.95
    assert np.flatnonzero(called(rr)).tolist() == [50, 100, 150]


def test_a_beat_known_to_be_ventricular_is_never_supraventricular(
    rng: np.random.Generator,
) -> None:
    rr = 0.8 + 0.01 * rng.standard_normal(200)
    rr[100], rr[101] = 0.5, 1.1
    ventricular = no_v(rr)
    ventricular[100] = True
    assert not (supraventricular.evidence(rr, ventricular) > 0.5).any()


def test_nothing_is_premature_in_fibrillation(rng: np.random.Generator) -> None:
    rr = np.clip(rng.gamma(9.0, 0.08, 3000), 0.35, 2.0)
    assert called(rr).mean() < 0.02


def test_breathing_does_not_make_beats_premature() -> None:
    rr = 0.9 + 0.15 * np.sin(2 * np.pi * np.arange(1000) / 4.3)
    assert not called(rr).any()


def test_conducted_beats_between_blocked_ones_are_not_premature(
    rng: np.random.Generator,
) -> None:
    mobitz = np.tile([0.85, 0.85, 0.85, 1.7], 200) + 0.01 * rng.standard_normal(800)
    wenckebach = np.tile([0.95, 0.88, 0.85, 1.5], 200)
    assert not called(mobitz).any()
    assert not called(wenckebach).any()


def test_a_fast_even_run_with_a_leap_at_its_start_is_a_run(
    rng: np.random.Generator,
) -> None:
    rr = 0.8 + 0.01 * rng.standard_normal(600)
    rr[200:400] = 0.42
    found = called(rr)
    assert found[200:400].mean() > 0.98
    assert not found[:200].any()
    assert not found[401:].any()


def test_speeding_up_slowly_is_sinus_tachycardia() -> None:
    rr = np.concatenate(
        [np.full(200, 0.9), np.linspace(0.9, 0.45, 150), np.full(200, 0.45)]
    )
    assert not called(rr).any()


def test_most_beats_can_be_premature_in_sick_sinus(rng: np.random.Generator) -> None:
    rr: list[float] = []
    early: list[bool] = []
    while len(rr) < 1500:
        rr.append(rng.uniform(1.3, 2.6))
        early.append(False)
        for _ in range(rng.poisson(3.5)):
            rr.append(0.8 + 0.02 * rng.standard_normal())
            early.append(True)
    found, truth = called(np.array(rr)), np.array(early)
    assert found[truth].mean() > 0.9
    assert found[~truth].mean() < 0.2


def test_the_trees_find_what_the_rule_finds(rng: np.random.Generator) -> None:
    rr = 0.8 + 0.01 * rng.standard_normal(200)
    rr[[50, 100, 150]] = 0.55
    rr[[51, 101, 151]] = 0.95
    assert np.flatnonzero(weighed(rr)).tolist() == [50, 100, 150]


def test_the_trees_find_bigeminy_that_leaves_no_even_rhythm(
    rng: np.random.Generator,
) -> None:
    rr = np.tile([1.0, 0.6], 200) + 0.015 * rng.standard_normal(400)
    found = weighed(rr)
    assert found[1::2].mean() > 0.95
    assert not found[::2].any()


def test_the_trees_find_a_tachycardia_that_lasts_to_the_end(
    rng: np.random.Generator,
) -> None:
    rr = 0.85 + 0.01 * rng.standard_normal(600)
    rr[400:] = 0.42 + 0.01 * rng.standard_normal(200)
    found = weighed(rr)
    assert found[400:].mean() > 0.95
    assert not found[:400].any()


@pytest.mark.parametrize(
    "group", [(0.42, 0.84, 0.63, 0.42), (0.85, 0.85, 0.85, 1.7), (0.95, 0.88, 0.85, 1.5)]
)
def test_the_trees_hardly_ever_call_a_conducted_beat_of_a_block_early(
    group: tuple[float, ...], rng: np.random.Generator
) -> None:
    rr = np.tile(group, 150) + 0.01 * rng.standard_normal(600)
    assert weighed(rr).mean() < 0.03


def test_the_trees_call_no_beat_of_breathing_or_fibrillation_early(
    rng: np.random.Generator,
) -> None:
    breathing = 0.95 + 0.2 * np.sin(2 * np.pi * np.arange(1000) / 4.3)
    assert weighed(breathing).mean() < 0.01
    assert weighed(np.clip(rng.gamma(9.0, 0.08, 3000), 0.35, 2.0)).mean() < 0.02


def test_beats_beside_ventricular_ones_or_gaps_are_not_judged_early() -> None:
    rr = np.full(100, 0.8)
    rr[50], rr[51], rr[70] = 0.5, 1.1, np.nan
    ventricular = no_v(rr)
    ventricular[50] = True
    p_s = supraventricular_model.probability(rr, ventricular)
    assert p_s[[50, 51, 70]].tolist() == [0.0, 0.0, 0.0]
    assert (p_s < 0.5).all()
    assert not supraventricular_model.probability(rr[:5], ventricular[:5]).any()


def answers_of_trees(sure: int, unsure: int) -> NDArray[np.float64]:
    """Make an hour of answers, most of which say that a beat is not ventricular."""
    out = np.full(1000, 0.01)
    out[:sure], out[sure : sure + unsure] = 0.95, 0.3
    return out


def test_an_unsure_answer_counts_beside_sure_ones_and_not_among_many_unsure() -> None:
    clear = beats.ventricular_limits([answers_of_trees(200, 20)])
    wavering = beats.ventricular_limits([answers_of_trees(20, 200)])
    assert (wavering > clear).all()
    assert (wavering < 0.95).all()


def test_a_single_doubtful_beat_is_no_wavering() -> None:
    alone = beats.ventricular_limits([answers_of_trees(0, 1)])
    assert (alone == beats.ventricular_limits([answers_of_trees(0, 0)])).all()


def test_an_hour_of_doubt_does_not_change_what_counts_hours_later() -> None:
    day = [answers_of_trees(0, 200), *(answers_of_trees(20, 0) for _ in range(9))]
    limit = beats.ventricular_limits(day)
    assert limit.shape == (10_000,)
    assert limit[0] > limit[-1]
    assert limit[-1] == beats.ventricular_limits([answers_of_trees(20, 0)])[0]


def test_two_shapes_make_two_clusters(rng: np.random.Generator) -> None:
    at = np.arange(92) - 36
    narrow = np.exp(-0.5 * (at / 1.5) ** 2)
    broad = -np.exp(-0.5 * (at / 6.0) ** 2) + 0.5 * np.exp(-0.5 * ((at - 12) / 4.0) ** 2)
    kinds = rng.random(300) < 0.2
    shape = np.where(kinds[:, None], broad, narrow) + 0.02 * rng.standard_normal((300, 92))
    label = beat_features.cluster(shape.astype(np.float32))
    assert set(label[kinds]) == {1}
    assert set(label[~kinds]) == {0}


def test_a_broad_complex_measures_broader_than_a_narrow_one() -> None:
    at = np.arange(92) - 36
    rows = [np.exp(-0.5 * (at / width) ** 2) for width in (1.2, 2.0, 4.0)]
    widths = beat_features.qrs_width_ms(np.array(rows, dtype=np.float32))
    assert 40 < widths[0] < 90
    assert widths[0] < widths[1] < widths[2]
    assert widths[2] > beats.WIDE_MS


@pytest.fixture(scope="module")
def bigeminy(shared_ecg: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    path = str(shared_ecg / "mitdb" / "119")
    record = wfdb.rdrecord(path, sampto=360 * 600)
    return record.p_signal[:, 0], float(record.fs), record.sig_name


def test_ventricular_beats_of_a_real_recording_are_found(shared_ecg: Path) -> None:
    path = str(shared_ecg / "mitdb" / "119")
    record, note = wfdb.rdrecord(path), wfdb.rdann(path, "atr")
    ecg = record.p_signal[:, 0]
    table = beats.tabulate(ecg, 360, qrs.detect_r_peaks(ecg, 360))
    truth = note.sample[np.array(note.symbol) == "V"]
    said = table.sample[table.aami == "V"]
    assert (np.abs(truth[:, None] - said).min(axis=1) < 54).mean() > 0.97
    assert (np.abs(said[:, None] - truth).min(axis=1) < 54).mean() > 0.97


def test_evidence_computed_before_gives_the_same_beats(
    bigeminy: tuple[NDArray[np.float64], float, list[str]],
) -> None:
    ecg, fs, _ = bigeminy
    evidence = qrs.examine(ecg, fs)
    fresh = beats.classify_beats(ecg, fs, evidence.r_peaks)
    assert fresh == beats.classify_beats(ecg, fs, evidence.r_peaks, evidence=evidence)
    assert fresh[0].rr_ms is None
    assert all(beat.rr_ms is not None for beat in fresh[1:] if beat.usable)


def test_beats_in_a_window_graded_x_are_not_usable(
    bigeminy: tuple[NDArray[np.float64], float, list[str]],
) -> None:
    ecg, fs, _ = bigeminy
    peaks = qrs.detect_r_peaks(ecg[:36000], fs)
    windows = (QualityWindow(3600, 7200, Grade.X, "flat"),)
    found = beats.classify_beats(ecg[:36000], fs, peaks, windows)
    inside = [beat.usable for beat in found if 3600 <= beat.sample < 7200]
    assert inside
    assert not any(inside)
    assert all(beat.usable for beat in found if beat.sample >= 7200)


def test_no_beats_give_no_classes() -> None:
    assert beats.classify_beats(np.zeros(2500), 250, np.empty(0, np.int64)) == ()
    assert quality.beats_on(NONE, np.empty(0, np.int64))[0].size == 0


def test_classes_are_letters_of_the_vocabulary(
    bigeminy: tuple[NDArray[np.float64], float, list[str]],
) -> None:
    ecg, fs, _ = bigeminy
    found = beats.classify_beats(ecg, fs, qrs.detect_r_peaks(ecg, fs))
    assert {beat.aami for beat in found} <= set(Aami)
    assert all(0.0 <= beat.confidence <= 1.0 for beat in found)
