import numpy as np
import pytest
from numpy.typing import NDArray

from analytics import quality
from analytics.vocabulary import Grade, NoiseCause

FS = 250.0


def sketch(seconds: float) -> NDArray[np.float64]:
    """Draw a clean ECG at 72 bpm: P, QRS and T as bells."""
    at = np.arange(int(seconds * FS)) / FS
    out = np.zeros(at.size)
    for beat in np.arange(0.5, seconds, 60 / 72):
        for middle, height, width in (
            (-0.16, 0.1, 0.02),
            (0, 1.0, 0.012),
            (0.25, 0.25, 0.04),
        ):
            out += height * np.exp(-0.5 * ((at - beat - middle) / width) ** 2)
    return out


def grades(ecg: NDArray[np.float64], **more: object) -> list[Grade]:
    return [w.grade for w in quality.assess_quality(ecg, FS, **more)]  # type: ignore[arg-type]


def test_a_clean_signal_is_grade_a_without_a_cause() -> None:
    windows = quality.assess_quality(sketch(25), FS)
    assert [(w.first_sample, w.end_sample) for w in windows] == [
        (0, 2500),
        (2500, 5000),
        (5000, 6250),
    ]
    assert all(w.grade is Grade.A and w.cause is None for w in windows)


def test_a_flat_line_is_not_analysable() -> None:
    windows = quality.assess_quality(np.zeros(2500), FS)
    assert windows[0].grade is Grade.X
    assert windows[0].cause == NoiseCause.FLAT


def test_without_contact_nothing_is_analysable() -> None:
    windows = quality.assess_quality(sketch(10), FS, contact=np.zeros(2500, bool))
    assert windows[0].grade is Grade.X
    assert windows[0].cause == NoiseCause.LEAD_OFF


def test_missing_samples_are_a_gap() -> None:
    windows = quality.assess_quality(np.full(2500, np.nan), FS)
    assert windows[0].grade is Grade.X
    assert windows[0].cause == NoiseCause.GAP


def test_a_gap_changes_the_grade_of_no_window_that_it_does_not_touch(
    rng: np.random.Generator,
) -> None:
    ecg = sketch(60) + 0.08 * rng.standard_normal(15000) * (np.arange(15000) > 9000)
    holed = ecg.copy()
    holed[3000:4100] = np.nan
    whole, with_gap = quality.assess_quality(ecg, FS), quality.assess_quality(holed, FS)
    touched = [k for k in range(6) if whole[k] != with_gap[k]]
    assert touched == [1]
    alone = quality.assess_quality(holed[2500:5000], FS)
    assert (with_gap[1].grade, with_gap[1].cause) == (alone[0].grade, alone[0].cause)


def test_seconds_measured_before_give_the_same_grades() -> None:
    ecg = sketch(47.3)
    known = [quality.measure_seconds(ecg, FS)]
    assert quality.assess_leads(ecg, FS, measured=known) == quality.assess_leads(ecg, FS)


def test_more_muscle_noise_never_gives_a_better_grade(rng: np.random.Generator) -> None:
    clean, noise = sketch(10), rng.standard_normal(2500)
    order = [Grade.A, Grade.B, Grade.C, Grade.X]
    ranks = [
        order.index(grades(clean + sd * noise)[0]) for sd in (0, 0.03, 0.06, 0.15, 0.5)
    ]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0
    assert ranks[-1] >= 2


def test_mains_hum_is_called_mains() -> None:
    hum = 0.2 * np.sin(2 * np.pi * 50 * np.arange(2500) / FS)
    window = quality.assess_quality(sketch(10) + hum, FS)[0]
    assert window.grade is not Grade.A
    assert window.cause == NoiseCause.MAINS


def test_a_swinging_baseline_is_called_baseline() -> None:
    swing = 3.0 * np.sin(2 * np.pi * 0.3 * np.arange(2500) / FS)
    window = quality.assess_quality(sketch(10) + swing, FS)[0]
    assert window.grade is not Grade.A
    assert window.cause == NoiseCause.BASELINE


def test_a_clipped_signal_is_called_clipped() -> None:
    wild = np.clip(6.0 * np.sin(2 * np.pi * 1.1 * np.arange(2500) / FS), -1.0, 1.0)
    window = quality.assess_quality(wild, FS)[0]
    assert window.grade in (Grade.C, Grade.X)
    assert window.cause == NoiseCause.CLIPPED


def test_of_several_leads_the_best_counts() -> None:
    both = np.column_stack([np.zeros(2500), sketch(10)])
    assert grades(both) == [Grade.A]


@pytest.mark.parametrize("gain", [0.5, 2.0, -1.0])
def test_gain_and_polarity_do_not_change_the_grade(
    gain: float, rng: np.random.Generator
) -> None:
    ecg = sketch(30) + 0.05 * rng.standard_normal(7500)
    assert grades(gain * ecg) == grades(ecg)


def test_a_bad_second_takes_its_beats_and_intervals_along() -> None:
    good = np.array([True, True, False, True])
    usable, quiet = quality.beats_on(good, np.array([0, 1, 2, 3]))
    assert usable.tolist() == [True, True, False, True]
    assert quiet.tolist() == [False, True, False, False]


def test_wide_escape_beats_at_thirty_a_minute_are_no_electrode_motion() -> None:
    at = np.arange(int(60 * FS)) / FS
    ecg = np.random.default_rng(3).normal(0.0, 0.004, at.size)
    for beat in np.arange(0.7, 60.0, 2.0):
        ecg += 1.2 * np.exp(-0.5 * ((at - beat) / 0.035) ** 2)
    seconds = quality.measure_seconds(ecg, FS)
    assert quality.usable_seconds(seconds)[10:].all()
    assert {w.grade for w in quality.assess_quality(ecg, FS)} <= {Grade.A, Grade.B}
    # A single second as high again among them is motion still.
    ecg[int(40 * FS) : int(40.4 * FS)] += np.linspace(0.0, 12.0, int(0.4 * FS))
    again = quality.usable_seconds(quality.measure_seconds(ecg, FS))
    assert not again[40]
