"""EDF+ as we write it, read back by our own reader and field by field."""

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.records_edf import open_edf
from analytics.records_edf_write import GAP, LOWEST, write_edf

START = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def _write(counts, present, fs_hz=250.0, gain=200.0, gaps=()):
    file = io.BytesIO()
    write_edf(
        file,
        lambda first, end: (counts[first:end], present[first:end]),
        n_samples=len(counts),
        fs_hz=fs_hz,
        lead_names=[f"L{n}" for n in range(counts.shape[1])],
        gain_counts_per_mv=gain,
        start_at=START,
        gaps=gaps,
    )
    return file.getvalue()


def _gaps(present):
    edges = np.flatnonzero(np.diff(np.r_[1, present, 1]))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back_sample_by_sample(tmp_path_factory, data):
    n = data.draw(st.integers(1, 1200), label="samples")
    leads = data.draw(st.integers(1, 3), label="leads")
    fs = data.draw(st.sampled_from([100.0, 129.97, 250.0, 512.0]), label="fs")
    rng = np.random.default_rng(data.draw(st.integers(0, 99), label="seed"))
    counts = rng.integers(-30_000, 30_000, (n, leads)).astype(np.int32)
    present = np.repeat(rng.random(n // 50 + 1) > 0.3, 50)[:n]
    path = tmp_path_factory.mktemp("edf") / "made.edf"
    path.write_bytes(_write(counts, present, fs, gaps=_gaps(present)))

    record = open_edf(path)
    assert record.lead_names == tuple(f"L{k}" for k in range(leads))
    assert record.fs == pytest.approx(fs, rel=1e-6)
    assert record.start_at == START
    assert record.gain_counts_per_mv == pytest.approx([200.0] * leads, rel=1e-4)
    read = record.read(0, n, range(leads))
    assert np.array_equal(read[present], counts[present])
    assert np.all(read[~present] == LOWEST)
    marked = [sample for sample, text in record.notes if text == GAP]
    assert marked == [first for first, _ in _gaps(present)]


def test_counts_beyond_sixteen_bits_keep_their_millivolts(tmp_path: Path):
    counts = np.array([[-400_000], [0], [399_999]], dtype=np.int32)
    path = tmp_path / "wide.edf"
    path.write_bytes(_write(counts, np.ones(3, bool), gain=1000.0))
    record = open_edf(path)
    mv = record.read(0, 3, [0])[:, 0] / record.gain_counts_per_mv[0]
    assert mv == pytest.approx([-400.0, 0.0, 400.0], abs=0.05)


def test_the_header_is_the_standards_and_names_nobody():
    head = _write(np.zeros((500, 1), np.int32), np.ones(500, bool))[:512]
    assert head[:8] == b"0       "
    assert head[8:88].rstrip() == b"X X X X"
    assert head[88:168].rstrip() == b"Startdate 23-NOV-2026 X X X"
    assert head[168:184] == b"23.11.2608.30.00"
    assert head[192:236].rstrip() == b"EDF+C"
    assert int(head[236:244]) == 2
    assert float(head[244:252]) == 1.0
