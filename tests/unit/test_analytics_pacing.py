"""Paced beats told by their spikes; natural hearts never."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics import pacing
from analytics.holter import analyze_holter, read_ecg
from analytics.holter_beats import BeatTable
from analytics.holter_rhythm import pacing as pacing_section
from analytics.records import read_annotations, read_record
from analytics.vocabulary import Aami, Rhythm

FS = 360.0
Signal = NDArray[np.float64]


def drawn(
    seconds: float, beats: list[tuple[float, bool]], spikes: list[float], seed: int = 3
) -> Signal:
    """Draw complexes (time, wide) and pulses one sample wide, over a little noise."""
    at = np.arange(int(seconds * FS)) / FS
    out = 0.004 * np.random.default_rng(seed).standard_normal(at.size)
    for t, wide in beats:
        out += 1.1 * np.exp(-0.5 * ((at - t) / (0.035 if wide else 0.011)) ** 2)
        out -= 0.3 * np.exp(-0.5 * ((at - t - 0.3) / 0.05) ** 2)
    for t in spikes:
        out[round(t * FS)] += 0.6
    return out


def columns(beats: list[tuple[float, bool]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    sample = np.array([round(t * FS) for t, _ in beats], np.int64)
    return sample, np.array([wide for _, wide in beats])


def test_capture_and_sensing_are_counted_as_by_hand() -> None:
    # 60 paced beats a second apart; the pulse of 20.0 s finds no answer, the heart's own
    # beat at 30.4 s is seen (next pulse a second later), that at 40.4 s is not (at 41.0).
    beats = [(float(t) + 0.04, True) for t in range(1, 20)]
    beats += [(float(t) + 0.04, True) for t in range(21, 31)]
    beats += [(30.4, False)] + [(float(t) + 0.44, True) for t in range(31, 40)]
    beats += [(40.0, False)] + [(float(t) + 0.44, True) for t in range(40, 60)]
    sample, paced = columns(beats)
    spikes = [t - 0.04 for t, wide in beats if wide] + [20.0]
    ecg = drawn(62.0, beats, spikes)
    got = pacing.pacing_events(ecg, FS, sample, paced, [(0, ecg.size)])
    assert got == pacing.PacingEvents(
        pulses=58 + 1, not_captured=1, natural=2, not_sensed=1
    )
    table = BeatTable(
        fs=FS,
        sample=sample,
        aami=np.where(paced, "/", "N"),
        rr_ms=np.concatenate([[np.nan], np.diff(sample) / FS * 1000.0]),
        wide=paced,
        in_af=np.zeros(len(sample), dtype=bool),
    )
    section = pacing_section(table, ecg, ())
    assert (section.paced_beats, section.pulses, section.not_captured) == (58, 58, 0)
    assert section.captured_pct == 100.0
    assert section.sensed_pct == 50.0
    assert section.paced_pct == pytest.approx(100.0 * 58 / 60)


def test_what_no_grade_vouches_for_is_no_failure_to_capture() -> None:
    beats = [(float(t) + 0.04, True) for t in range(1, 60) if t != 20]
    sample, paced = columns(beats)
    ecg = drawn(62.0, beats, [float(t) for t in range(1, 60)])
    before = [(0, round(15 * FS)), (round(25 * FS), ecg.size)]
    got = pacing.pacing_events(ecg, FS, sample, paced, before)
    assert got is not None
    assert got.not_captured == 0


def test_a_heart_without_spikes_is_not_paced_however_wide_its_beats() -> None:
    beats = [(float(t), True) for t in range(1, 60)]
    sample, _ = columns(beats)
    ecg = drawn(61.0, beats, [])
    for known in (None, True, False):
        assert not pacing.paced_beats([ecg], FS, sample, pacemaker=known).any()


def test_spikes_are_believed_from_300_hz_on_and_never_without_a_pacemaker() -> None:
    beats = [(float(t) + 0.04, True) for t in range(1, 60)]
    sample, _ = columns(beats)
    ecg = drawn(61.0, beats, [float(t) for t in range(1, 60)])
    assert pacing.paced_beats([ecg], FS, sample, pacemaker=None).all()
    assert not pacing.paced_beats([ecg], FS, sample, pacemaker=False).any()
    for known in (None, True):
        assert not pacing.paced_beats([ecg], 299.0, sample, pacemaker=known).any()


def test_rare_pacing_is_told_of_a_known_pacemaker_only() -> None:
    beats = [(float(t) + 0.04, t % 4 == 0) for t in range(1, 80)]
    sample, paced = columns(beats)
    ecg = drawn(81.0, beats, [t - 0.04 for t, wide in beats if wide])
    told = pacing.paced_beats([ecg], FS, sample, pacemaker=True)
    assert told.tolist() == paced.tolist()
    assert not pacing.paced_beats([ecg], FS, sample, pacemaker=None).any()


def test_spikes_that_wander_are_interference_and_pace_nobody() -> None:
    beats = [(float(t) + 0.04, False) for t in range(1, 60)]
    sample, _ = columns(beats)
    away = np.random.default_rng(5).uniform(-0.09, 0.04, 59)
    ecg = drawn(61.0, beats, [t + d for (t, _), d in zip(beats, away, strict=True)])
    assert not pacing.paced_beats([ecg], FS, sample, pacemaker=None).any()


@pytest.mark.parametrize(("name", "share"), [("102", 0.99), ("107", 0.97)])
def test_paced_beats_of_real_records_are_told_and_natural_ones_left(
    shared_ecg: Path, name: str, share: float
) -> None:
    path = shared_ecg / "mitdb" / name
    recording = read_record(path, leads=[0])
    end = 360 * 400
    reading = read_ecg(recording.lead_mv(0)[:end], recording.fs)
    truth = read_annotations(path, "atr")
    ours = {beat.sample: beat.aami for beat in reading.beats}
    found = np.array(sorted(ours))

    def called(symbol: str) -> list[Aami]:
        at = [
            s
            for s, w in zip(truth.sample.tolist(), truth.symbol, strict=True)
            if w == symbol and s < end - 360
        ]
        near = [int(found[np.abs(found - s).argmin()]) for s in at]
        return [ours[n] for n, s in zip(near, at, strict=True) if abs(n - s) < 54]

    paced, natural = called("/"), [*called("N"), *called("V")]
    assert np.mean([kind is Aami.PACED for kind in paced]) >= share
    assert Aami.PACED not in natural
    assert any(e.rhythm is Rhythm.P for e in reading.episodes)


@pytest.mark.parametrize("name", ["101", "106", "116"])
def test_natural_hearts_are_never_called_paced(shared_ecg: Path, name: str) -> None:
    recording = read_record(shared_ecg / "mitdb" / name, leads=[0])
    lead = recording.lead_mv(0)[: 360 * 300]
    for known in (None, True):
        reading = read_ecg(lead, recording.fs, pacemaker=known)
        assert all(beat.aami is not Aami.PACED for beat in reading.beats)


def test_the_report_says_what_the_pulses_did(shared_ecg: Path) -> None:
    recording = read_record(shared_ecg / "mitdb" / "102", leads=[0])
    lead = recording.lead_mv(0)[: 360 * 200]
    report = analyze_holter(lead, recording.fs, lead_names=("V5",), pacemaker=True)
    assert report.pacing.paced_beats == 146  # the rest of these 200 s beats by itself
    assert report.pacing.captured_pct == 100.0
    assert "pacing_without_marks" not in report.passport.limits
    slow = analyze_holter(lead[::2], recording.fs / 2, lead_names=("V5",))
    assert slow.pacing.paced_beats == 0
    assert "pacing_without_marks" in slow.passport.limits
