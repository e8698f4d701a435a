"""Fibrillation from the waveform: what it must see and what it must leave alone."""

import numpy as np
import pytest

from analytics.rhythm import find_episodes
from analytics.rhythm_beats import beat_arrays
from analytics.rhythm_confirm import confirm_runs
from analytics.rhythm_fibrillation import find_fibrillation
from analytics.rhythm_patterns import ventricular_runs
from analytics.rhythm_ventricular import VF_THRESHOLD, vf_likeness
from analytics.rhythm_waveform import FEATURES, cut_windows, window_features
from analytics.types import Beat
from analytics.vocabulary import Aami, Rhythm

FS = 250.0


def fibrillating(seconds, fs=FS, seed=1):
    """A wave of wandering frequency (4 to 6 Hz) and amplitude, no QRS."""
    rng = np.random.default_rng(seed)
    n = round(seconds * fs)
    drift = np.interp(
        np.arange(n),
        np.linspace(0, n, 2 * int(seconds) + 2),
        rng.uniform(4.0, 6.0, 2 * int(seconds) + 2),
    )
    size = np.interp(
        np.arange(n),
        np.linspace(0, n, int(seconds) + 2),
        rng.uniform(0.3, 0.8, int(seconds) + 2),
    )
    phase = 2 * np.pi * np.cumsum(drift) / fs
    return size * (np.sin(phase) + 0.3 * np.sin(1.6 * phase + 1.0)) + rng.normal(0, 0.02, n)


def beating(seconds, fs=FS, bpm=72.0, seed=2):
    """Narrow QRS with P and T waves on a living baseline."""
    rng = np.random.default_rng(seed)
    n = round(seconds * fs)
    t = np.arange(n) / fs
    ecg = rng.normal(0, 0.01, n) + 0.05 * np.sin(2 * np.pi * 0.25 * t)
    for r in np.arange(0.5, seconds, 60.0 / bpm):
        for at, width, height in (
            (0.0, 0.011, 1.1),
            (-0.16, 0.022, 0.12),
            (0.3, 0.05, 0.3),
        ):
            ecg += height * np.exp(-0.5 * ((t - r - at) / width) ** 2)
    return ecg


def record(shared_ecg, name, first_s, seconds, lead=0):
    wfdb = pytest.importorskip("wfdb")
    header = wfdb.rdheader(str(shared_ecg / name))
    fs = float(header.fs)
    part = wfdb.rdrecord(
        str(shared_ecg / name),
        sampfrom=round(first_s * fs),
        sampto=round((first_s + seconds) * fs),
    )
    return np.ascontiguousarray(part.p_signal[:, lead]), fs


def test_fibrillating_wave_is_likely_and_sinus_rhythm_is_not():
    assert vf_likeness(fibrillating(4.0), FS) > VF_THRESHOLD
    assert vf_likeness(beating(4.0), FS) < 0.1


@pytest.mark.parametrize(
    ("name", "at_s"),
    [("vfdb/430", 1300), ("vfdb/422", 1600), ("cudb/cu01", 350)],
)
def test_recorded_fibrillation_is_likely(shared_ecg, name, at_s):
    ecg, fs = record(shared_ecg, name, at_s, 4)
    assert vf_likeness(ecg, fs) > VF_THRESHOLD


@pytest.mark.parametrize(
    ("name", "at_s"),
    [("mitdb/203", 900), ("mitdb/109", 600), ("mitdb/107", 300), ("nstdb/118e00", 330)],
)
def test_fibrillating_atria_block_pacing_and_noise_are_not(shared_ecg, name, at_s):
    ecg, fs = record(shared_ecg, name, at_s, 60)
    assert not find_fibrillation(ecg, fs)


@pytest.mark.parametrize("change", ["scale", "flip", "shift"])
def test_scale_polarity_and_offset_do_not_change_the_answer(change):
    for ecg in (fibrillating(4.0), beating(4.0)):
        other = {"scale": 3.0 * ecg, "flip": -ecg, "shift": ecg + 7.0}[change]
        assert vf_likeness(other, FS) == pytest.approx(vf_likeness(ecg, FS), abs=0.02)


@pytest.mark.parametrize("fs", [125.0, 200.0, 360.0, 500.0])
def test_sampling_rate_does_not_change_the_answer(fs):
    assert vf_likeness(fibrillating(4.0, fs), fs) > VF_THRESHOLD
    assert vf_likeness(beating(4.0, fs), fs) < 0.1


def test_flat_line_short_signal_and_holes_are_harmless():
    assert vf_likeness(np.zeros(1000), FS) == 0.0
    assert vf_likeness(np.full(1000, np.nan), FS) == 0.0
    assert vf_likeness(fibrillating(3.0), FS) == 0.0
    assert np.isfinite(window_features(np.zeros((2, 500)))).all()


def test_white_noise_is_not_fibrillation(rng):
    assert vf_likeness(rng.normal(0, 0.5, 1000), FS) < VF_THRESHOLD


def test_features_have_their_names():
    windows = cut_windows(fibrillating(8.0), FS, np.array([0, 500]))
    assert window_features(windows).shape == (2, len(FEATURES))
    main = window_features(windows)[:, FEATURES.index("main_hz")]
    assert np.all((main > 3.5) & (main < 6.5))


def test_episode_has_its_borders_within_three_seconds():
    ecg = np.concatenate([beating(40.0), fibrillating(20.0), beating(40.0)])
    episodes = find_fibrillation(ecg, FS)
    assert episodes
    assert {e.rhythm for e in episodes} <= {Rhythm.VFIB, Rhythm.VFL, Rhythm.VT}
    assert abs(episodes[0].onset_sample / FS - 40.0) < 3.0
    assert abs((episodes[-1].offset_sample or 0) / FS - 60.0) < 3.0


def test_fibrillation_is_found_without_any_beat():
    ecg = np.concatenate([beating(20.0), fibrillating(20.0)])
    episodes = find_episodes([], FS, ecg_mv=ecg, end_sample=ecg.size)
    assert any(e.rhythm in (Rhythm.VFIB, Rhythm.VFL, Rhythm.VT) for e in episodes)


def ventricular_row(ecg_of, gaps):
    times = 2.0 + np.concatenate([[0.0], np.cumsum(gaps)])
    beats = [
        Beat(round(t * FS), Aami.V, 0.8, None if i == 0 else 1000 * gaps[i - 1], True, True)
        for i, t in enumerate(times)
    ]
    end = round((times[-1] + 4.0) * FS)
    return beat_arrays(beats, FS, end), ecg_of(end, times)


def wide_complexes(end, times):
    t = np.arange(end) / FS
    ecg = np.random.default_rng(4).normal(0, 0.01, end)
    for at in times:
        ecg += 1.2 * np.exp(-0.5 * ((t - at) / 0.05) ** 2)
        ecg -= 0.6 * np.exp(-0.5 * ((t - at - 0.15) / 0.05) ** 2)
    return ecg


def muscle_noise(end, times):
    return np.random.default_rng(5).normal(0, 0.3, end)


def test_regular_row_of_one_shape_stays_tachycardia():
    table, ecg = ventricular_row(wide_complexes, [0.4] * 12)
    (kept,) = confirm_runs(ventricular_runs(table, ecg), table, ecg)
    assert kept.rhythm is Rhythm.VT
    assert kept.evidence["rate_bpm"] == pytest.approx(150.0)


def test_irregular_row_in_noise_is_dropped():
    gaps = list(np.random.default_rng(6).uniform(0.3, 0.9, 20))
    table, ecg = ventricular_row(muscle_noise, gaps)
    assert ventricular_runs(table, ecg)
    assert not confirm_runs(ventricular_runs(table, ecg), table, ecg)


def test_standstill_after_fibrillation_is_named_though_no_beat_goes_before_it():
    quiet = np.random.default_rng(5).normal(0, 0.005, round(12 * FS))
    ecg = np.concatenate([fibrillating(20), quiet, beating(10)])
    at = np.round((32.5 + np.arange(10) * 60.0 / 72.0) * FS).astype(int)
    beats = [Beat(int(s), Aami.N, 0.9, None, False, True) for s in at]
    found = find_episodes(beats, FS, ecg_mv=ecg, end_sample=ecg.size)
    (stand,) = [e for e in found if e.rhythm is Rhythm.ASYS]
    assert stand.onset_sample / FS == pytest.approx(20.0, abs=3.0)
    assert stand.offset_sample == at[0]


def test_a_sparse_beat_does_not_move_a_border_of_fibrillation():
    ecg = np.concatenate([beating(20), fibrillating(30), beating(20)])
    plain = find_episodes([], FS, ecg_mv=ecg, end_sample=ecg.size)
    one = [Beat(round(35 * FS), Aami.V, 0.9, None, True, True)]
    with_beat = find_episodes(one, FS, ecg_mv=ecg, end_sample=ecg.size)

    def spans(episodes):
        kinds = (Rhythm.VFIB, Rhythm.VFL, Rhythm.VT)
        return [(e.onset_sample, e.offset_sample) for e in episodes if e.rhythm in kinds]

    assert spans(plain) == spans(with_beat) != []
