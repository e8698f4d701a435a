"""Flutter and block from P waves, on virtual hearts whose script is the truth."""

import numpy as np
import pytest

from analytics.holter import read_ecg
from analytics.records import read_record
from analytics.rhythm import find_episodes
from analytics.rhythm_beats import beat_arrays
from analytics.rhythm_conduction import find_blocks
from analytics.rhythm_dissociation import find_dissociation
from analytics.rhythm_flutter import find_flutter
from analytics.types import Beat
from analytics.vocabulary import Aami, Rhythm
from sensors.virtual.heart import VirtualHeart, collect
from sensors.virtual.scenario import Scenario, Segment

FS = 250.0
AS_CLASS = {"V": Aami.V, "E": Aami.V, "A": Aami.S, "S": Aami.S}


def played(*segments: Segment, seed: int = 0):
    """Signal in mV, and the beats of the script as the analysis would have them."""
    heart = VirtualHeart(Scenario("test", segments, None), seed=seed, fs_hz=FS)
    block = collect(heart, sum(s.duration_s for s in segments))
    ecg_mv = block.counts[:, 0] / heart.gain_counts_per_mv
    beats, before = [], None
    for beat in block.beats:
        rr_ms: float | None = (
            None if before is None else 1000.0 * (beat.sample - before) / FS
        )
        kind = AS_CLASS.get(beat.symbol, Aami.N)
        beats.append(Beat(beat.sample, kind, 0.9, rr_ms, kind is Aami.V, True))
        before = beat.sample
    return ecg_mv, beat_arrays(beats, FS, ecg_mv.size)


def segment(rhythm, seconds, rate=None, **more):
    return Segment(rhythm, float(seconds), rate_bpm=rate, **more)


def only(episodes, rhythm):
    (episode,) = [e for e in episodes if e.rhythm is rhythm]
    return episode


def seconds(episode):
    return episode.onset_sample / FS, episode.offset_sample / FS


# Atrial flutter


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("rate", [85.0, 110.0, 125.0])
def test_flutter_with_changing_conduction_is_named_with_its_reason(rate, seed):
    ecg_mv, beats = played(segment("afl", 90, rate), seed=seed)
    (episode,) = find_flutter(beats, ecg_mv, [])
    assert episode.rhythm is Rhythm.AFL
    assert episode.evidence["atrial_bpm"] == pytest.approx(300.0, abs=3.0)
    assert episode.evidence["conduction"] == pytest.approx(300.0 / rate, rel=0.1)
    assert episode.evidence["wave_share"] > 0.4
    assert episode.evidence["rr_off_multiple"] < 0.05
    assert 0.5 < episode.confidence <= 1.0


def test_fixed_conduction_is_named_only_beside_the_same_wave():
    fixed = segment("afl", 90, 75.0)
    ecg_mv, beats = played(fixed)
    assert not find_flutter(beats, ecg_mv, [])  # one lead cannot tell it from sinus
    ecg_mv, beats = played(fixed, segment("afl", 90, 110.0))
    (episode,) = find_flutter(beats, ecg_mv, [])
    assert seconds(episode) == pytest.approx((0.0, 180.0), abs=4.0)


def test_flutter_ends_where_sinus_rhythm_begins():
    ecg_mv, beats = played(
        segment("sinus", 60), segment("afl", 90, 110.0), segment("sinus", 60)
    )
    episode = only(
        find_episodes(beats, FS, ecg_mv=ecg_mv, end_sample=ecg_mv.size), Rhythm.AFL
    )
    assert seconds(episode) == pytest.approx((60.0, 150.0), abs=15.0)


@pytest.mark.parametrize(
    "script",
    [
        (segment("sinus", 120, 72.0, hrv=0.01),),
        (segment("sinus", 120, 96.0, pac_per_min=6.0),),
        (segment("af", 120, 92.0),),
        (segment("af", 120, 140.0),),
        (segment("svt", 60, 150.0),),
        (segment("bigeminy", 60),),
        (segment("avb2_mobitz", 90),),
        (segment("avb2_wenckebach", 90),),
    ],
)
def test_nothing_else_is_called_flutter(script):
    ecg_mv, beats = played(*script)
    assert not find_flutter(beats, ecg_mv, [])


def test_without_a_signal_there_is_no_flutter():
    _, beats = played(segment("afl", 90, 110.0))
    assert find_flutter(beats, None, []) == []


# Atrioventricular block


@pytest.mark.parametrize("rate", [62.0, 70.0, 74.0])
def test_first_degree_block_has_the_scripted_pr(rate):
    ecg_mv, beats = played(segment("avb1", 150, rate))
    episode = only(find_blocks(beats, ecg_mv, []), Rhythm.AVB1)
    assert episode.evidence["pr_ms"] == pytest.approx(280.0, abs=25.0)
    assert episode.confidence <= 0.6


@pytest.mark.parametrize(
    ("rhythm", "kind"), [("avb2_wenckebach", "type_1"), ("avb2_mobitz", "type_2")]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_second_degree_block_is_named_by_its_type(rhythm, kind, seed):
    ecg_mv, beats = played(
        segment("sinus", 60), segment(rhythm, 90, 70.0), segment("sinus", 30), seed=seed
    )
    episode = only(find_blocks(beats, ecg_mv, []), Rhythm.BII)
    assert seconds(episode) == pytest.approx((60.0, 150.0), abs=5.0)
    assert episode.evidence[kind] == 1.0
    assert episode.evidence["dropped"] >= 20
    assert episode.confidence <= 0.6


def test_beats_that_were_missed_are_no_dropped_beats():
    ecg_mv, beats = played(segment("sinus", 200, 70.0))
    kept = np.ones(len(beats), bool)
    kept[60::9] = False
    rows = [
        Beat(int(at), Aami.N, 0.9, 1000.0 * float(rr), False, True)
        for at, rr in zip(
            beats.sample[kept], np.diff(beats.sample[kept], prepend=0) / FS, strict=True
        )
    ]
    table = beat_arrays(rows, FS, ecg_mv.size)
    assert not [e for e in find_blocks(table, ecg_mv, []) if e.rhythm is Rhythm.BII]


def test_two_to_one_conduction_is_told_by_the_second_p_wave():
    # The sinus P waves of 100/min, every second one conducted at a PR of 160 ms.
    rr_s, pr_s, n = 1.2, 0.16, 60
    t = np.arange(round((n + 2) * rr_s * FS)) / FS
    ecg_mv = np.random.default_rng(1).normal(0.0, 0.005, t.size)
    r_s = 1.0 + np.arange(n) * rr_s
    for r in r_s:
        for at, width, height in (
            (-pr_s, 0.02, 0.15),
            (rr_s / 2 - pr_s, 0.02, 0.15),
            (0.0, 0.011, 1.1),
            (0.28, 0.04, 0.3),
        ):
            ecg_mv += height * np.exp(-0.5 * ((t - r - at) / width) ** 2)
    samples = np.round(r_s * FS).astype(int).tolist()
    beats = [
        Beat(s, Aami.N, 0.9, None if i == 0 else 1000.0 * rr_s, False, True)
        for i, s in enumerate(samples)
    ]
    table = beat_arrays(beats, FS, t.size)
    episode = only(find_blocks(table, ecg_mv, []), Rhythm.BII)
    assert episode.evidence["two_to_one"] == 1.0
    assert not find_dissociation(table, ecg_mv, [])


@pytest.mark.parametrize("rate", [30.0, 36.0, 45.0, 50.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_complete_block_is_told_by_p_waves_that_go_their_own_way(rate, seed):
    ecg_mv, beats = played(
        segment("sinus", 60), segment("avb3", 90, rate), segment("sinus", 30), seed=seed
    )
    found = find_dissociation(beats, ecg_mv, [])
    assert {e.rhythm for e in found} == {Rhythm.AVB3}
    covered = sum(b - a for a, b in map(seconds, found))
    assert covered >= 45.0
    assert all(seconds(e)[0] >= 58.0 and seconds(e)[1] <= 153.0 for e in found)
    for episode in found:
        assert episode.evidence["atrial_bpm"] == pytest.approx(80.0, abs=3.0)
        assert episode.evidence["rate_bpm"] == pytest.approx(rate, abs=4.0)
        assert episode.confidence <= 0.6  # "possible" on one lead


def test_complete_block_is_no_idioventricular_rhythm_and_no_bradycardia():
    ecg_mv, beats = played(
        segment("sinus", 60), segment("avb3", 90, 36.0), segment("sinus", 30)
    )
    found = find_episodes(beats, FS, ecg_mv=ecg_mv, end_sample=ecg_mv.size)
    episode = only(found, Rhythm.AVB3)
    inside = [
        e.rhythm
        for e in found
        if e.onset_sample < episode.offset_sample - FS
        and e.offset_sample > episode.onset_sample + FS
    ]
    assert not {Rhythm.IVR, Rhythm.SBR, Rhythm.N} & set(inside)


@pytest.mark.parametrize(
    "script",
    [
        (segment("sinus", 150, 44.0),),
        (segment("sinus", 150, 38.0, hrv=0.02),),
        (segment("ivr", 120, 44.0),),
        (segment("af", 150, 52.0),),
        (segment("sinus", 120, 60.0, pauses_per_min=4.0, pause_s=3.0),),
    ],
)
def test_slow_rhythms_without_block_are_not_called_block(script):
    ecg_mv, beats = played(*script)
    assert not find_dissociation(beats, ecg_mv, [])
    blocks = find_blocks(beats, ecg_mv, [])
    assert not [e for e in blocks if e.rhythm is Rhythm.BII]


# Borders of tachycardia


@pytest.mark.parametrize(("rate", "lasts"), [(140.0, 20.0), (172.0, 10.0), (200.0, 12.0)])
def test_tachycardia_lasts_from_its_first_to_its_last_beat(rate, lasts):
    ecg_mv, beats = played(
        segment("sinus", 40, 74.0), segment("vt", lasts, rate), segment("sinus", 40, 74.0)
    )
    v = beats.sample[beats.kind == "V"]
    episode = only(
        find_episodes(beats, FS, ecg_mv=ecg_mv, end_sample=ecg_mv.size), Rhythm.VT
    )
    assert (episode.onset_sample, episode.offset_sample) == (v[0], v[-1] + 1)
    assert episode.evidence["beats"] == v.size
    by_hand = 60.0 * (v.size - 1) / ((v[-1] - v[0]) / FS)
    assert episode.evidence["rate_bpm"] == pytest.approx(by_hand, abs=0.1)


@pytest.mark.parametrize(
    "name", ["mitdb/118", "mitdb/201", "mitdb/220", "qtdb/sel37", "qtdb/sele0116"]
)
def test_recordings_that_came_close_show_neither_block_nor_flutter(shared_ecg, name):
    # Of all shared MIT-BIH and QT records these came nearest to a false answer.
    recording = read_record(shared_ecg / name, leads=[0])
    found = read_ecg(recording.lead_mv(0), recording.fs).episodes
    wrong = {Rhythm.AFL, Rhythm.BII, Rhythm.AVB3} & {e.rhythm for e in found}
    assert not wrong
