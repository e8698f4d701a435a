from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from analytics import qrs, qrs_peaks
from analytics.errors import BadSamplingRate, BadShape


def sketch(beats_s: NDArray[np.float64], seconds: float, fs: float) -> NDArray[np.float64]:
    """Draw P, QRS and T as bells at the given times."""
    at = np.arange(int(seconds * fs)) / fs
    out = np.zeros(at.size)
    for beat in beats_s:
        for middle, height, width in (
            (-0.16, 0.1, 0.02),
            (0.0, 1.0, 0.011),
            (0.03, -0.25, 0.01),
            (0.28, 0.25, 0.05),
        ):
            low, high = np.searchsorted(at, [beat + middle - 0.4, beat + middle + 0.4])
            near = at[low:high]
            out[low:high] += height * np.exp(-0.5 * ((near - beat - middle) / width) ** 2)
    return out


BEATS = np.cumsum(np.tile([0.8, 0.82, 0.79, 0.84, 0.6, 1.05], 10)) + 0.3


@pytest.mark.parametrize(
    "fs", [100.0, 125.0, 128.0, 200.0, 250.0, 300.0, 333.0, 360.0, 500.0, 1000.0]
)
def test_every_beat_is_found_on_its_peak_at_any_rate(
    fs: float, rng: np.random.Generator
) -> None:
    ecg = sketch(BEATS, 52, fs) + 0.01 * rng.standard_normal(int(52 * fs))
    peaks = qrs.detect_r_peaks(ecg, fs)
    assert peaks.dtype == np.int64
    assert peaks.size == BEATS.size
    assert np.abs(peaks / fs - BEATS).max() < 0.012


@pytest.mark.parametrize("gain", [0.2, 5.0, -1.0])
def test_amplitude_and_polarity_do_not_matter(
    gain: float, rng: np.random.Generator
) -> None:
    ecg = gain * (sketch(BEATS, 52, 250) + 0.01 * rng.standard_normal(13000))
    peaks = qrs.detect_r_peaks(ecg, 250)
    assert peaks.size == BEATS.size
    assert np.abs(peaks / 250 - BEATS).max() < 0.04


def test_no_two_beats_are_closer_than_two_tenths_of_a_second(
    rng: np.random.Generator,
) -> None:
    at = np.arange(60 * 250) / 250
    for hz in (3.0, 4.5, 6.0):
        wild = np.sin(2 * np.pi * hz * at) * rng.uniform(0.5, 1.5, at.size // 50).repeat(50)
        peaks = qrs.detect_r_peaks(wild + 0.05 * rng.standard_normal(at.size), 250)
        assert (np.diff(peaks) >= 50).all()


def test_of_two_peaks_too_close_the_surer_is_kept() -> None:
    lobes = np.zeros((3, 41))
    lobes[0, 35] = lobes[1, 5] = lobes[2, 20] = 1.0
    centre, logit = np.array([1000, 1060, 1300]), np.array([2.0, 1.0, 3.0])
    peak, kept, last = qrs_peaks.keep_apart(
        lobes, centre, logit, 250.0, before=None, end=2000
    )
    assert kept.tolist() == [True, False, True]
    assert peak[kept].tolist() == [1015, 1300]
    assert last == qrs_peaks.Placed(1300, 3.0)
    lobes[1, 30] = 0.8
    surer = np.array([1.0, 2.0, 3.0])
    peak, kept, _ = qrs_peaks.keep_apart(lobes, centre, surer, 250.0, before=None, end=2000)
    assert kept.all()
    assert peak.tolist() == [1015, 1070, 1300]


def test_a_flat_line_and_an_empty_signal_have_no_beats() -> None:
    assert qrs.detect_r_peaks(np.zeros(5000), 250).size == 0
    assert qrs.detect_r_peaks(np.empty(0), 250).size == 0


def test_a_hole_splits_the_recording_and_invents_no_beat() -> None:
    ecg = sketch(BEATS, 52, 250)
    ecg[5000:7500] = np.nan
    peaks = qrs.detect_r_peaks(ecg, 250)
    assert not ((peaks >= 5000) & (peaks < 7500)).any()
    evidence = qrs.examine(ecg, 250)
    assert [(s.first_sample, s.end_sample) for s in evidence.segments] == [
        (0, 5000),
        (7500, 13000),
    ]
    outside = BEATS[(BEATS < 19.8) | (BEATS > 30.3)]
    assert np.abs(peaks[:, None] / 250 - outside).min(axis=0).max() < 0.012


def test_a_few_missing_samples_are_bridged() -> None:
    ecg = sketch(BEATS, 52, 250)
    ecg[600:605] = np.nan
    assert len(qrs.examine(ecg, 250).segments) == 1
    assert qrs.detect_r_peaks(ecg, 250).size == BEATS.size


def test_a_ruined_lead_does_not_outvote_the_others(rng: np.random.Generator) -> None:
    good = sketch(BEATS, 52, 250)
    noise = rng.standard_normal(13000)
    leads = np.column_stack([noise, good, 0.6 * good])
    peaks = qrs.detect_r_peaks_multilead(leads, 250)
    assert peaks.size == BEATS.size
    assert np.abs(peaks / 250 - BEATS).max() < 0.02


def test_rates_and_shapes_out_of_range_are_refused() -> None:
    with pytest.raises(BadSamplingRate):
        qrs.detect_r_peaks(np.zeros(500), 50)
    with pytest.raises(BadShape):
        qrs.detect_r_peaks(np.zeros((500, 2)), 250)


def _scores(folder: Path, record: str) -> tuple[float, float]:
    signal = wfdb.rdrecord(str(folder / record))
    note = wfdb.rdann(str(folder / record), "atr")
    truth = note.sample[np.isin(note.symbol, list("NLRBAaJSVrFejnE/fQ"))]
    found = qrs.detect_r_peaks(signal.p_signal[:, 0], signal.fs)
    truth = truth[truth > 300 * signal.fs]
    found = found[found > 300 * signal.fs]
    near = 0.15 * signal.fs
    hit = np.abs(found[:, None] - truth[None]).min(axis=0) <= near
    right = np.abs(found[:, None] - truth[None]).min(axis=1) <= near
    return float(hit.mean()), float(right.mean())


@pytest.mark.parametrize("record", ["mitdb/119", "mitdb/203", "mitdb/107"])
def test_arrhythmic_records_stay_above_the_floor(shared_ecg: Path, record: str) -> None:
    sensitivity, predictivity = _scores(shared_ecg, record)
    assert sensitivity > 0.99
    assert predictivity > 0.99
