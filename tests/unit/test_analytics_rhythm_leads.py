"""The atria in several leads: what more leads add, and that they take nothing away."""

import numpy as np
import pytest

from analytics.holter import analyze_holter
from analytics.rhythm import find_episodes
from analytics.types import Beat
from analytics.vocabulary import Aami, Rhythm
from sensors.virtual.heart import VirtualHeart, collect
from sensors.virtual.morphology import TWELVE_LEADS
from sensors.virtual.scenario import Scenario, Segment

FS = 250.0


def twelve(rhythm, rate, seed=0, seconds=90.0):
    """Twelve leads of a heart with sinus rhythm around a rhythm, and its beats."""
    sinus = Segment("sinus", 60.0)
    script = (sinus, Segment(rhythm, seconds, rate_bpm=rate), sinus)
    heart = VirtualHeart(
        Scenario("leads", script, None), seed=seed, fs_hz=FS, lead_names=TWELVE_LEADS
    )
    block = collect(heart, 120.0 + seconds)
    samples = [beat.sample for beat in block.beats]
    beats = [
        Beat(
            at,
            Aami.V if beat.symbol in "VE" else Aami.N,
            0.9,
            1000.0 * (at - before) / FS if before else None,
            beat.symbol in "VE",
            True,
        )
        for at, before, beat in zip(samples, [0, *samples], block.beats, strict=False)
    ]
    return block.counts / heart.gain_counts_per_mv, beats


def found(ecg_mv, beats, columns, rhythm):
    first, *more = columns
    episodes = find_episodes(
        beats,
        FS,
        ecg_mv=ecg_mv[:, first],
        beside_mv=[ecg_mv[:, k] for k in more],
        end_sample=len(ecg_mv),
    )
    return [e for e in episodes if e.rhythm is rhythm]


def seconds(episodes):
    return sum(e.offset_sample - e.onset_sample for e in episodes) / FS


@pytest.mark.parametrize(
    ("rhythm", "rate", "name"),
    [
        ("afl", 110.0, Rhythm.AFL),
        ("avb3", 45.0, Rhythm.AVB3),
        ("avb2_mobitz", 70.0, Rhythm.BII),
    ],
)
def test_more_leads_find_no_less_and_are_no_less_sure(rhythm, rate, name, rng):
    ecg_mv, beats = twelve(rhythm, rate)
    for _ in range(3):
        order = rng.permutation(12).tolist()
        before_s, before_sure = 0.0, 0.0
        for count in (1, 2, 4, 8, 12):
            got = found(ecg_mv, beats, order[:count], name)
            assert seconds(got) >= before_s - 1.0
            sure = max((e.confidence for e in got), default=0.0)
            assert sure >= before_sure - 1e-9
            before_s, before_sure = seconds(got), sure
        assert seconds(got) == pytest.approx(90.0, abs=15.0)
        assert before_sure > 0.6  # more than one lead may say
        assert max(e.evidence["leads"] for e in got) >= 2.0


def test_sinus_rhythm_stays_sinus_rhythm_in_twelve_leads():
    ecg_mv, beats = twelve("sinus", 62.0)
    for name in (Rhythm.AFL, Rhythm.AVB3, Rhythm.BII):
        assert not found(ecg_mv, beats, range(12), name)


@pytest.mark.parametrize("count", range(1, 13))
def test_the_whole_report_takes_every_number_of_leads(shared_ecg, count):
    wfdb = pytest.importorskip("wfdb")
    record = wfdb.rdrecord(str(shared_ecg / "cinc2021" / "JS20006"))
    report = analyze_holter(
        np.nan_to_num(record.p_signal[:, :count]),
        record.fs,
        lead_names=record.sig_name[:count],
    )
    assert report.coverage.lead_names == tuple(record.sig_name[:count])
    assert 16 <= report.heart_rate.total_beats <= 19
    assert report.st is None or report.st.statement_allowed is (count > 1)
    assert report.conduction.possible_only
