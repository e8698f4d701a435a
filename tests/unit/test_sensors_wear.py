"""Wear quality tells the wearer what to do, and only when it helps."""

import numpy as np
import pytest

from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import named_heart
from sensors.virtual.scenario import Scenario, Segment
from sensors.wear import (
    Advice,
    Guidance,
    WearFault,
    WearState,
    WearWindow,
    check_signal,
    judge_lead,
    step,
)

GAIN = 400.0
FS_HZ = 250.0


def run(counts: np.ndarray, leads_on=None, chunk: int = 50):
    """Feed samples in frames; return windows, guidance and the last state."""
    state, windows, guidance = WearState(), [], []
    for first in range(0, len(counts), chunk):
        piece = counts[first : first + chunk]
        on = (True,) * counts.shape[1] if leads_on is None else leads_on(first)
        state, window, advice = step(
            state, first, piece, on, fs_hz=FS_HZ, gain_counts_per_mv=GAIN
        )
        windows += [window] if window else []
        guidance += [advice] if advice else []
    return windows, guidance, state


def played(*segments: Segment, seconds: int, seed: int = 2) -> np.ndarray:
    heart = VirtualHeart(Scenario("wear", segments), seed=seed)
    return heart.read(250 * seconds).counts


def faults(windows: list[WearWindow]) -> set:
    return {lead.fault for window in windows for lead in window.leads}


@pytest.mark.parametrize("name", ["sinus_calm", "af", "pvc_then_vt", "paced", "tachy"])
def test_a_well_worn_patch_is_left_in_peace(name):
    windows, guidance, _ = run(named_heart(name).read(250 * 120).counts)
    assert faults(windows) == {None}
    assert not guidance


@pytest.mark.parametrize(
    ("segment", "fault", "advice"),
    [
        (Segment("sinus", 60, noise={"muscle": 0.6}), WearFault.NOISY, Advice.SIT_STILL),
        (Segment("sinus", 60, noise={"baseline": 3.0}), WearFault.SLIDING, Advice.PRESS_ON),
    ],
)
def test_noise_and_sliding_are_told_apart(segment, fault, advice):
    windows, guidance, _ = run(played(Segment("sinus", 20), segment, seconds=60))
    assert fault in faults(windows)
    assert advice in {told.advice for told in guidance}


def test_flat_and_clipped_leads_want_a_new_patch():
    flat = np.random.default_rng(1).integers(-2, 3, (250 * 30, 1)).astype(np.int32)
    windows, guidance, _ = run(flat)
    assert faults(windows) == {WearFault.FLAT}
    assert guidance == [Guidance(3750, Advice.REPLACE, WearFault.FLAT, (0,))]
    clipped = np.full((250 * 30, 1), 32_767, np.int32)
    clipped[::3] = 0
    assert faults(run(clipped)[0]) == {WearFault.CLIPPED}


def test_lost_contact_is_told_after_15_s_and_taken_back_after_10_s():
    counts = named_heart("sinus_calm").read(250 * 60).counts

    def leads_on(first: int) -> tuple[bool, ...]:
        return (not 250 * 10 <= first < 250 * 30,)

    _, guidance, _ = run(counts, leads_on)
    assert guidance == [
        Guidance(250 * 25, Advice.PRESS_ON, WearFault.NO_CONTACT, (0,)),
        Guidance(250 * 40, Advice.NONE, None, (0,)),
    ]


def test_a_short_touch_of_the_patch_bothers_nobody():
    counts = named_heart("sinus_calm").read(250 * 40).counts
    _, guidance, _ = run(counts, lambda first: (not 2500 <= first < 3000,))
    assert not guidance


def test_only_the_lead_in_trouble_is_named():
    heart = named_heart("sinus_calm", lead_names=("I", "II", "V2"))
    counts = heart.read(250 * 30).counts
    counts[:, 1] = 0
    _, guidance, _ = run(counts)
    assert guidance == [Guidance(3750, Advice.REPLACE, WearFault.FLAT, (1,))]


def test_a_hole_starts_a_new_window():
    counts = named_heart("sinus_calm").read(250 * 20).counts
    state = WearState()
    options = {"fs_hz": FS_HZ, "gain_counts_per_mv": GAIN}
    state, window, _ = step(state, 0, counts[:1000], (True,), **options)
    assert window is None
    state, window, _ = step(state, 3000, counts[3000:4000], (True,), **options)
    assert window is None
    _, window, _ = step(state, 4000, counts[4000:4300], (True,), **options)
    assert window is not None
    assert (window.first_sample, window.end_sample) == (3000, 4300)


def test_the_noise_estimate_does_not_see_the_heart(rng):
    clean = named_heart("sinus_calm").read(250 * 5).counts[:, 0]
    assert judge_lead(clean, GAIN, contact=True).noise_mv < 0.02
    noisy = clean + rng.normal(0, 0.1 * GAIN, len(clean))
    worn = judge_lead(noisy.astype(np.int32), GAIN, contact=True)
    assert worn.noise_mv == pytest.approx(0.1, rel=0.25)


def test_the_check_before_leaving_says_yes_or_no_per_lead():
    heart = named_heart("sinus_calm", lead_names=("I", "II"))
    counts = heart.read(250 * 60).counts
    counts[:, 1] = 0
    windows, _, _ = run(counts)
    check = check_signal(windows)
    assert check.analysable == (True, False)
    assert check.worst_fault == (None, WearFault.FLAT)
    assert check.good_share == (1.0, 0.0)
