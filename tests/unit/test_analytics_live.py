import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray
from scipy import signal

from analytics import beats, live, live_rhythm, qrs, quality
from analytics.errors import BadShape
from analytics.live_trackers import BeatItem, Item, SecondItem, Trackers, WaveItem
from analytics.types import Beat, Block, EpisodeEvent, LiveEvent, QualityWindow
from analytics.vocabulary import Aami, NoiseCause, Rhythm

FS = 250


def sketch(beats_s: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Draw P, QRS and T as bells at the given times, with a little noise."""
    at = np.arange(int(seconds * FS)) / FS
    out = 0.01 * np.random.default_rng(3).standard_normal(at.size)
    for beat in beats_s:
        for middle, height, width in (
            (-0.16, 0.1, 0.02),
            (0, 1, 0.011),
            (0.28, 0.25, 0.05),
        ):
            out += height * np.exp(-0.5 * ((at - beat - middle) / width) ** 2)
    return out


def run(
    ecg: NDArray[np.float64],
    fs: float,
    size: int = FS,
    *,
    contact: bool = True,
    measures_contact: bool = True,
) -> list[LiveEvent]:
    state = live.start(fs, measures_contact=measures_contact)
    events: list[LiveEvent] = []
    for first in range(0, ecg.size, size):
        state, found = live.step(
            state, Block(first, ecg[first : first + size, None], contact)
        )
        events += found
    _, found = live.finish(state)
    return [*events, *found]


def of(events: Sequence[LiveEvent], rhythm: Rhythm) -> list[EpisodeEvent]:
    return [e for e in events if isinstance(e, EpisodeEvent) and e.episode.rhythm is rhythm]


@pytest.fixture(scope="module")
def real(shared_ecg: Path) -> NDArray[np.float64]:
    record = wfdb.rdrecord(str(shared_ecg / "mitdb" / "208"), sampto=360 * 240)
    return np.asarray(record.p_signal[:, 0])


def test_live_beats_and_grades_equal_the_batch(real: NDArray[np.float64]) -> None:
    events = run(real, 360, 360)
    table = beats.tabulate(real, 360, qrs.detect_r_peaks(real, 360))
    found = [event for event in events if isinstance(event, Beat)]
    assert [beat.sample for beat in found] == table.sample.tolist()
    assert [beat.usable for beat in found] == table.usable.tolist()
    rr = [np.nan if beat.rr_ms is None else beat.rr_ms for beat in found]
    assert np.array_equal(rr, table.rr_ms, equal_nan=True)
    same = np.array([beat.aami.value for beat in found]) == table.aami
    assert same.mean() > 0.95
    windows = tuple(event for event in events if isinstance(event, QualityWindow))
    assert windows == quality.assess_quality(real, 360)


@pytest.mark.parametrize("fs", [100, 125, 128, 200, 250, 300, 333, 360, 500, 1000])
def test_live_equals_the_batch_at_every_rate(real: NDArray[np.float64], fs: int) -> None:
    ecg = signal.resample_poly(real[: 360 * 40], fs, 360)
    found = [event for event in run(ecg, fs, fs) if isinstance(event, Beat)]
    assert len(found) > 60
    assert [beat.sample for beat in found] == qrs.detect_r_peaks(ecg, fs).tolist()
    samples = np.array([beat.sample for beat in found])
    assert (np.diff(samples) >= 0.2 * fs).all()


def test_how_the_signal_is_cut_does_not_matter(real: NDArray[np.float64]) -> None:
    whole = sorted(map(repr, run(real[:36000], 360, 36000)))
    for size in (97, 360, 5000):
        assert sorted(map(repr, run(real[:36000], 360, size))) == whole


def test_a_step_leaves_the_state_it_was_given(real: NDArray[np.float64]) -> None:
    state = live.start(360)
    for first in range(0, 7200, 360):
        state, _ = live.step(state, Block(first, real[first : first + 360, None], True))
    before = pickle.dumps(state)
    block = Block(7200, real[7200:10800, None], True)
    once, twice = live.step(state, block), live.step(state, block)
    assert pickle.dumps(state) == before
    assert once[1] == twice[1]
    assert pickle.dumps(once[0]) == pickle.dumps(twice[0])


def test_the_state_stays_small() -> None:
    ecg = sketch(np.arange(0.5, 400, 0.8), 400)
    state, sizes = live.start(FS), []
    for first in range(0, ecg.size, FS):
        state, _ = live.step(state, Block(first, ecg[first : first + FS, None], True))
        sizes.append(len(pickle.dumps(state)))
    assert max(sizes) < 400_000
    assert max(sizes[-50:]) < 1.1 * max(sizes[200:250])


def test_beats_come_within_two_seconds_and_a_block() -> None:
    ecg = sketch(np.arange(0.5, 60, 0.8), 60)
    state = live.start(FS)
    for first in range(0, ecg.size, 50):
        state, found = live.step(state, Block(first, ecg[first : first + 50, None], True))
        for event in found:
            if isinstance(event, Beat) and first > 5 * FS:
                assert first + 50 - event.sample <= 2.0 * FS


def test_a_jump_is_a_gap_and_the_beat_after_it_has_no_interval() -> None:
    ecg = sketch(np.arange(0.5, 60, 0.8), 60)
    state = live.start(FS)
    events: list[LiveEvent] = []
    for first in [*range(0, 7500, FS), *range(10000, 15000, FS)]:
        state, found = live.step(state, Block(first, ecg[first : first + FS, None], True))
        events += found
    state, found = live.finish(state)
    events += found
    after = [event for event in events if isinstance(event, Beat) and event.sample >= 10000]
    assert after[0].rr_ms is None
    assert after[1].rr_ms == pytest.approx(800, abs=8)
    assert not of(events, Rhythm.PAUSE)
    assert not of(events, Rhythm.ASYS)


def test_a_pause_is_reported_with_its_interval() -> None:
    times = np.concatenate([np.arange(0.5, 20, 0.8), np.arange(23.0, 40, 0.8)])
    found = of(run(sketch(times, 40), FS), Rhythm.PAUSE)
    assert [event.phase for event in found] == ["opened", "closed"]
    assert found[0].episode.evidence["rr_ms"] == pytest.approx(3300, abs=12)
    assert found[0].episode.evidence["contact"] == 1.0


def test_asystole_opens_at_four_seconds_grows_and_ends_with_a_beat() -> None:
    times = np.concatenate([np.arange(0.5, 20, 0.8), np.arange(29.0, 40, 0.8)])
    found = of(run(sketch(times, 40), FS), Rhythm.ASYS)
    assert found[0].phase == "opened"
    assert found[-1].phase == "closed"
    assert {event.phase for event in found[1:-1]} == {"updated"}
    gap = [event.episode.evidence["gap_s"] for event in found[:-1]]
    assert 4.0 <= gap[0] < 5.0
    assert np.allclose(np.diff(gap), 1.0, atol=0.02)
    opened = found[0]
    assert opened.episode.evidence["contact"] == 1.0
    assert opened.episode.evidence["flat"] == 0.0
    assert opened.decided_sample - (opened.episode.onset_sample + 4 * FS) <= 4 * FS


def test_silence_without_contact_says_so() -> None:
    ecg = np.concatenate([sketch(np.arange(0.5, 20, 0.8), 20), np.zeros(20 * FS)])
    state = live.start(FS)
    events: list[LiveEvent] = []
    for first in range(0, ecg.size, FS):
        block = Block(first, ecg[first : first + FS, None], first < 20 * FS)
        state, found = live.step(state, block)
        events += found
    last = of(events, Rhythm.ASYS)[-1].episode
    assert last.evidence["contact"] < 0.2
    assert last.evidence["flat"] > 0.8


@pytest.mark.parametrize("measures", [True, False])
def test_without_contact_beats_count_only_where_nothing_measures_it(measures: bool) -> None:
    ecg = np.concatenate([sketch(np.arange(0.5, 20, 0.8), 20), np.zeros(20 * FS)])
    events = run(ecg, FS, contact=False, measures_contact=measures)
    beats_seen = [event for event in events if isinstance(event, Beat)]
    assert len(beats_seen) >= 24
    assert {beat.usable for beat in beats_seen[:-1]} == {not measures}
    first = next(event for event in events if isinstance(event, QualityWindow))
    assert (first.cause == NoiseCause.LEAD_OFF) is measures
    for asystole in of(events, Rhythm.ASYS):
        assert asystole.episode.evidence["contact"] == 0.0, "never proven"


def test_blocks_out_of_order_or_with_other_leads_are_refused() -> None:
    state, _ = live.step(live.start(FS), Block(1000, np.zeros((250, 1)), True))
    with pytest.raises(BadShape):
        live.step(state, Block(900, np.zeros((250, 1)), True))
    with pytest.raises(BadShape):
        live.step(state, Block(1250, np.zeros((250, 2)), True))
    with pytest.raises(BadShape):
        live.start(FS, n_leads=1, lead=1)


def beat(sample: int, aami: Aami = Aami.N, rr_ms: float | None = 800.0) -> BeatItem:
    return BeatItem(
        sample, aami, rr_ms, True, True, aami is Aami.V, 1.0, 0.0, 0.99, sample + 400
    )


def fed(items: list[Item]) -> list[EpisodeEvent]:
    state = live_rhythm.begin(Trackers(float(FS)), 0)
    events: list[EpisodeEvent] = []
    for item in items:
        state, found = live_rhythm.feed(state, item)
        events += found
    _, found = live_rhythm.close(state, items[-1].sample + FS)
    return [*events, *found]


def rhythm_of(kinds: str, rr_ms: list[float]) -> list[Item]:
    samples = np.cumsum(np.array(rr_ms) * FS / 1000).astype(int) + 500
    pairs = zip(samples.tolist(), kinds, rr_ms, strict=True)
    return [beat(sample, Aami(kind), rr) for sample, kind, rr in pairs]


def test_three_fast_ventricular_beats_are_tachycardia_and_two_are_not() -> None:
    two = rhythm_of("NNNVVNNN", [800, 800, 800, 500, 400, 900, 800, 800])
    three = rhythm_of("NNNVVVNNN", [800, 800, 800, 500, 400, 400, 900, 800, 800])
    assert not of(fed(two), Rhythm.VT)
    found = of(fed(three), Rhythm.VT)
    assert [event.phase for event in found] == ["opened", "closed"]
    assert found[0].episode.evidence["beats"] == 3
    assert found[0].episode.evidence["rate_bpm"] == pytest.approx(150, abs=1)


def test_tachycardia_of_unheard_of_complexes_is_told_within_seconds(
    shared_ecg: Path,
) -> None:
    # No beat of vfdb is annotated, so none was learnt, and these are like no other: the
    # rhythm that the network sees must be enough to have them counted.
    path = str(shared_ecg / "vfdb" / "611")
    record = wfdb.rdrecord(path, sampfrom=250 * 1140, sampto=250 * 1215, channels=[0])
    events = run(record.p_signal[:, 0], 250)
    told = of(events, Rhythm.VT)
    assert told, "label VT from 1196.2 s on"
    assert 57.0 < told[0].episode.onset_sample / 250 < 60.0
    assert told[0].episode.evidence["duration_s"] <= 5.0
    assert 120 < told[0].episode.evidence["rate_bpm"] < 160


def test_slow_ventricular_beats_are_not_tachycardia() -> None:
    assert not of(fed(rhythm_of("NNVVVVNN", [800.0] * 8)), Rhythm.VT)


def test_bigeminy_and_trigeminy_are_told_apart() -> None:
    two = fed(rhythm_of("NN" + "NV" * 5 + "NN", [800.0] * 14))
    assert of(two, Rhythm.B)[0].phase == "opened"
    assert of(two, Rhythm.B)[-1].phase == "closed"
    assert not of(two, Rhythm.T)
    three = fed(rhythm_of("N" + "NNV" * 5 + "NN", [800.0] * 18))
    assert of(three, Rhythm.T)
    assert not of(three, Rhythm.B)


def test_fibrillation_opens_after_thirty_seconds_and_ectopy_is_not_fibrillation(
    rng: np.random.Generator,
) -> None:
    irregular = np.clip(rng.gamma(9.0, 80.0, 120), 350, 1800).tolist()
    found = of(fed(rhythm_of("N" * 120, irregular)), Rhythm.AFIB)
    assert found[0].phase == "opened"
    assert found[0].episode.evidence["duration_s"] >= 30
    assert found[0].decided_sample - found[0].episode.onset_sample < 90 * FS
    couplets = [800.0, 800.0, 450.0, 1150.0] * 30
    assert not of(fed(rhythm_of("NNVN" * 30, couplets)), Rhythm.AFIB)
    early = [800.0, 450.0, 1150.0] * 40
    assert not of(fed(rhythm_of("NSN" * 40, early)), Rhythm.AFIB)


def waves(fast: list[float], chaos: float, first: int = 0) -> list[Item]:
    return [
        WaveItem(first + FS * (n + 1), p, p * chaos, p, first + FS * (n + 1) + 825)
        for n, p in enumerate(fast)
    ]


def test_three_seconds_of_fibrillation_open_an_episode_and_two_do_not() -> None:
    quiet, wild = [0.01] * 5, [0.98]
    short = fed(waves(quiet + wild * 2 + quiet, 0.95))
    assert not of(short, Rhythm.VFIB)
    found = of(fed(waves(quiet + wild * 8 + quiet, 0.95)), Rhythm.VFIB)
    assert found[0].phase == "opened"
    assert found[-1].phase == "closed"
    onset = found[0].episode.onset_sample
    assert abs(onset - 5 * FS) <= FS
    assert found[0].decided_sample <= 5 * FS + 3 * FS + 5 * FS


def test_no_asystole_is_reported_while_the_ventricles_fibrillate() -> None:
    items: list[Item] = [beat(200)]
    items += waves([0.01] + [0.98] * 15, 0.95)
    items += [SecondItem(FS * n, True, False, FS * n + 400) for n in range(1, 17)]
    items.sort(key=lambda item: item.known)
    events = fed(items)
    assert of(events, Rhythm.VFIB)
    assert not [e for e in of(events, Rhythm.ASYS) if e.episode.evidence["gap_s"] > 6]


def test_the_same_state_can_be_stepped_from_again_after_finish() -> None:
    ecg = sketch(np.arange(0.5, 30, 0.8), 30)
    state = live.start(FS)
    state, _ = live.step(state, Block(0, ecg[:5000, None], True))
    state, _ = live.finish(state)
    state, found = live.step(state, Block(6000, ecg[:5000, None], True))
    assert next(event for event in found if isinstance(event, Beat)).rr_ms is None
    assert replace(state).expected_sample == 11000
