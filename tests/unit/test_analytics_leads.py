from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from analytics import ec57, qrs
from analytics.holter import read_ecg
from analytics.records import read_annotations, read_record
from analytics.records_evaluate import ec57_annotations

TWELVE = ("E07504", "E07512", "HR06004", "JS20006", "JS20010")


def evidence_of(folder: Path, name: str) -> tuple[qrs.Evidence, ...]:
    record = wfdb.rdrecord(str(folder / "cinc2021" / name))
    return tuple(qrs.examine(lead, record.fs) for lead in record.p_signal.T)


def differences(found: NDArray[np.int64], truth: NDArray[np.int64], fs: float) -> int:
    """Beats that only one of the two has, 100 ms apart at most; none cut by the end."""
    end = 10.0 * fs - 0.15 * fs
    found, truth = found[found < end], truth[truth < end]
    if not found.size or not truth.size:
        return int(found.size + truth.size)
    apart = np.abs(found[:, None] - truth[None]) <= 0.1 * fs
    return int((~apart.any(axis=0)).sum() + (~apart.any(axis=1)).sum())


def test_more_leads_never_make_it_worse(shared_ecg: Path, rng: np.random.Generator) -> None:
    mean = np.zeros(12)
    for name in TWELVE:
        leads = evidence_of(shared_ecg, name)
        truth, fs = qrs.fuse(leads), leads[0].fs
        for _ in range(8):
            order = rng.permutation(12)
            wrong = [
                differences(qrs.fuse(tuple(leads[i] for i in order[:count])), truth, fs)
                for count in range(1, 13)
            ]
            mean += wrong
    assert (mean[1:] <= mean[0]).all()
    assert mean[8:].mean() < 0.1 * mean[0]


@pytest.mark.parametrize("count", range(1, 13))
def test_every_number_of_leads_is_read(shared_ecg: Path, count: int) -> None:
    record = wfdb.rdrecord(str(shared_ecg / "cinc2021" / "JS20006"))
    reading = read_ecg(record.p_signal[:, :count], record.fs)
    assert 0 <= reading.lead < count
    assert 16 <= len(reading.beats) <= 19


@pytest.mark.parametrize("name", ["mitdb/203", "mitdb/108", "mitdb/207", "nstdb/118e06"])
def test_the_second_lead_takes_errors_away(shared_ecg: Path, name: str) -> None:
    path = shared_ecg / name
    recording = read_record(path)
    end, fs = recording.n_samples, recording.fs
    reference = ec57_annotations(read_annotations(path, "atr"), end)
    two = np.column_stack([recording.lead_mv(0), recording.lead_mv(1)])

    def errors(peaks: NDArray[np.int64]) -> float:
        test = ec57.Annotations(peaks, ["N"] * len(peaks))
        got = ec57.compare_beats(reference, test, fs, end_sample=end).statistics
        return sum(got[key].of - got[key].hits for key in ("qrs_se", "qrs_ppv"))

    assert errors(qrs.detect_r_peaks_multilead(two, fs)) <= errors(
        qrs.detect_r_peaks(two[:, 0], fs)
    )


def test_a_lead_that_fell_off_is_not_the_one_that_is_read(
    shared_ecg: Path, rng: np.random.Generator
) -> None:
    recording = read_record(shared_ecg / "mitdb" / "119")
    good = recording.lead_mv(0)[:108_000]
    for ruined in (
        np.zeros(good.size),
        np.full(good.size, np.nan),
        rng.standard_normal(good.size),
    ):
        reading = read_ecg(np.column_stack([ruined, good]), recording.fs)
        alone = read_ecg(good, recording.fs)
        assert reading.lead == 1
        assert reading.beats == alone.beats
