"""What must not change the answer: gain, polarity, rate, start, and how it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics import beats, live, qrs, quality
from analytics.types import Beat, Block, LiveEvent

FS = 250
SECONDS = 24


def sketch(rr_s: list[float], fs: float = FS, *, wide: bool = False) -> NDArray[np.float64]:
    """Draw P, QRS and T as bells, one complex per interval, with a little noise."""
    at = np.arange(int(SECONDS * fs)) / fs
    out = 0.01 * np.sin(2 * np.pi * 0.3 * at)
    width = 0.03 if wide else 0.011
    for beat in 0.4 + np.cumsum(rr_s):
        for middle, height, spread in (
            (-0.16, 0.1, 0.02),
            (0, 1, width),
            (0.28, 0.25, 0.05),
        ):
            out += height * np.exp(-0.5 * ((at - beat - middle) / spread) ** 2)
    return out


intervals = st.lists(st.floats(0.5, 1.3), min_size=40, max_size=40)


def positions_s(ecg: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    found = qrs.detect_r_peaks(ecg, fs) / fs
    return np.asarray(found[(found > 1.0) & (found < SECONDS - 1.0)])


@settings(max_examples=12)
@given(rr_s=intervals, gain=st.floats(0.1, 10.0), flip=st.booleans())
def test_gain_and_polarity_leave_the_beats_alone(
    rr_s: list[float], gain: float, flip: bool
) -> None:
    ecg = sketch(rr_s)
    first = positions_s(ecg, FS)
    second = positions_s((-gain if flip else gain) * ecg, FS)
    assert first.size == second.size
    assert np.abs(first - second).max() < 0.04


@settings(max_examples=8)
@given(rr_s=intervals, fs=st.sampled_from([100.0, 128.0, 200.0, 360.0, 512.0, 1000.0]))
def test_the_sampling_rate_leaves_the_beats_alone(rr_s: list[float], fs: float) -> None:
    first, second = positions_s(sketch(rr_s), FS), positions_s(sketch(rr_s, fs), fs)
    assert first.size == second.size
    assert np.abs(first - second).max() < 0.016


@settings(max_examples=8)
@given(rr_s=intervals, cut=st.integers(1, 4 * FS))
def test_a_later_start_leaves_the_later_beats_alone(rr_s: list[float], cut: int) -> None:
    ecg = sketch(rr_s)
    whole = qrs.detect_r_peaks(ecg, FS)
    part = qrs.detect_r_peaks(ecg[cut:], FS) + cut
    low, high = 10 * FS, (SECONDS - 1) * FS
    first, second = (p[(p > low) & (p < high)] for p in (whole, part))
    assert first.size == second.size
    assert np.abs(first - second).max() <= 2


@settings(max_examples=6)
@given(rr_s=intervals, sizes=st.lists(st.integers(1, 900), min_size=80, max_size=80))
def test_live_in_any_pieces_finds_the_beats_of_the_batch(
    rr_s: list[float], sizes: list[int]
) -> None:
    ecg = sketch(rr_s)
    state, first = live.start(FS), 0
    events: list[LiveEvent] = []
    for size in [*sizes, ecg.size]:
        part = ecg[first : first + size]
        if part.size:
            state, found = live.step(state, Block(first, part[:, None], True))
            events += found
        first += part.size
    _, found = live.finish(state)
    events += found
    live_beats = [event.sample for event in events if isinstance(event, Beat)]
    assert live_beats == qrs.detect_r_peaks(ecg, FS).tolist()


@settings(max_examples=25)
@given(data=st.data(), fs=st.sampled_from([100.0, 250.0, 333.3]))
def test_nothing_that_can_be_recorded_raises(data: st.DataObject, fs: float) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    ecg = rng.standard_normal(data.draw(st.integers(0, int(20 * fs))))
    ecg *= 10.0 ** data.draw(st.integers(-6, 3))
    holes = rng.random(ecg.size) < data.draw(st.sampled_from([0.0, 0.01, 0.5, 1.0]))
    ecg[holes] = np.nan
    grades = quality.assess_quality(ecg, fs)
    found = beats.classify_beats(ecg, fs, qrs.detect_r_peaks(ecg, fs), grades)
    samples = [beat.sample for beat in found]
    assert samples == sorted(set(samples))
    assert all(0 <= sample < ecg.size for sample in samples)
    state = live.start(fs)
    for first in range(0, ecg.size, 333):
        part = ecg[first : first + 333, None]
        state, _ = live.step(state, Block(first, part, bool(rng.random() < 0.9)))
    live.finish(state)


@pytest.mark.parametrize("copies", [2, 3, 12])
def test_more_leads_of_the_same_heart_find_the_same_beats(
    copies: int, rng: np.random.Generator
) -> None:
    one = sketch([0.8] * 28)
    leads = np.column_stack([one * rng.uniform(0.3, 1.5) for _ in range(copies)])
    leads += 0.01 * rng.standard_normal(leads.shape)
    found = qrs.detect_r_peaks_multilead(leads, FS)
    assert found.size == 28
    assert np.abs(found / FS - (0.4 + 0.8 * np.arange(1, 29))).max() < 0.02
