"""Recordings on disk: what was written comes back, what is damaged is named."""

import contextlib
import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from analytics.__main__ import main
from analytics.errors import BadRecord
from analytics.records import (
    open_record,
    read_annotations,
    read_record,
    record_header,
    record_stem,
    write_annotations,
)
from analytics.records_annotations import CODES, decode_annotations, encode_annotations
from analytics.records_types import MISSING, RecordAnnotations
from sensors.virtual.hearts import named_heart

_spec = importlib.util.spec_from_file_location(
    "edf_files", Path(__file__).with_name("edf_files.py")
)
assert _spec is not None
assert _spec.loader is not None
files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)


def reason_of(call, *args, **kwargs):
    with pytest.raises(BadRecord) as caught:
        call(*args, **kwargs)
    return caught.value.params["reason"]


def annotations(*rows):
    return RecordAnnotations(
        np.array([r[0] for r in rows], dtype=np.int64),
        tuple(r[1] for r in rows),
        tuple(r[2] for r in rows),
    )


# WFDB signals


@pytest.fixture
def wave():
    t = np.arange(1000) / 250.0
    return np.column_stack([np.sin(2 * np.pi * t), 0.5 * np.cos(2 * np.pi * t)])


def write_wfdb(folder, name, signal, *, fmt="16", units=("mV", "mV"), **more):
    wfdb.wrsamp(
        name,
        fs=250,
        units=list(units),
        sig_name=["I", "V5"],
        p_signal=signal,
        fmt=[fmt] * signal.shape[1],
        write_dir=str(folder),
        **more,
    )


@pytest.mark.parametrize("fmt", ["16", "212", "516"])
def test_a_wfdb_record_comes_back_in_mv(tmp_path, wave, fmt):
    write_wfdb(tmp_path, "rec", wave, fmt=fmt)
    got = read_record(tmp_path / "rec")
    assert (got.name, got.fs, got.lead_names) == ("rec", 250.0, ("I", "V5"))
    assert got.counts.dtype == np.int32
    resolution = 1.0 / min(got.gain_counts_per_mv)
    assert got.signal_mv == pytest.approx(wave, abs=resolution)
    theirs = wfdb.rdrecord(str(tmp_path / "rec")).p_signal
    assert got.signal_mv == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("fmt", ["16", "212"])
def test_missing_samples_are_missing_not_zero(tmp_path, wave, fmt):
    wave[200:300, 1] = np.nan
    write_wfdb(tmp_path, "rec", wave, fmt=fmt)
    got = read_record(tmp_path / "rec")
    assert (got.counts[200:300, 1] == MISSING).all()
    assert np.isnan(got.signal_mv[200:300, 1]).all()
    assert np.isfinite(got.signal_mv[:, 0]).all()


def test_the_path_may_name_the_header_the_signal_or_the_record(tmp_path, wave):
    write_wfdb(tmp_path, "rec", wave)
    for name in ("rec", "rec.hea", "rec.dat"):
        assert read_record(str(tmp_path / name)).n_samples == 1000


def test_leads_are_chosen_by_name_or_position(tmp_path, wave):
    write_wfdb(tmp_path, "rec", wave)
    for lead in ("V5", "v5", 1, "1"):
        got = read_record(tmp_path / "rec", leads=[lead])
        assert got.lead_names == ("V5",)
        assert got.signal_mv[:, 0] == pytest.approx(wave[:, 1], abs=1e-3)
    for lead in ("aVR", 2, -1):
        assert reason_of(read_record, tmp_path / "rec", leads=[lead]) == "no_such_lead"


def test_microvolts_become_millivolts_and_other_units_are_no_ecg(tmp_path, wave):
    write_wfdb(tmp_path, "uv", wave * 1000.0, units=("uV", "uV"))
    assert read_record(tmp_path / "uv").signal_mv == pytest.approx(wave, abs=1e-3)
    write_wfdb(tmp_path, "mixed", wave, units=("mV", "mmHg"))
    assert read_record(tmp_path / "mixed").lead_names == ("I",)
    write_wfdb(tmp_path, "none", wave, units=("NU", "mmHg"))
    assert reason_of(read_record, tmp_path / "none") == "no_ecg"


def test_the_files_own_clock_is_kept(tmp_path, wave):
    at = datetime(2026, 3, 2, 9, 30, 15)  # noqa: DTZ001 - as wfdb wants it
    write_wfdb(tmp_path, "rec", wave, base_datetime=at)
    assert read_record(tmp_path / "rec").start_at == at.replace(tzinfo=UTC)
    write_wfdb(tmp_path, "plain", wave)
    assert read_record(tmp_path / "plain").start_at is None


def test_a_record_in_several_pieces_is_one_with_a_hole(tmp_path, wave):
    write_wfdb(tmp_path, "a", wave)
    write_wfdb(tmp_path, "b", wave)
    head = "multi/3 2 250 2500\na 1000\n~ 500\nb 1000\n"
    (tmp_path / "multi.hea").write_text(head)
    got = read_record(tmp_path / "multi")
    assert got.n_samples == 2500
    assert np.isnan(got.signal_mv[1000:1500]).all()
    assert got.signal_mv[1500:] == pytest.approx(wave, abs=1e-3)


def test_a_piece_with_another_gain_is_brought_to_the_first(tmp_path, wave):
    write_wfdb(tmp_path, "a", wave)
    write_wfdb(tmp_path, "b", 3.0 * wave)
    (tmp_path / "multi.hea").write_text("multi/3 2 250 2000\nlay 0\na 1000\nb 1000\n")
    got = read_record(tmp_path / "multi", leads=["V5"])
    assert got.lead_names == ("V5",)
    assert got.signal_mv[1000:, 0] == pytest.approx(3.0 * wave[:, 1], abs=1e-3)
    (tmp_path / "bad.hea").write_text("bad/2 2 250 2000\na 1000\nb 999\n")
    assert reason_of(read_record, tmp_path / "bad") == "header_damaged"


def test_signals_of_several_rates_keep_every_sample_of_the_fastest(tmp_path):
    """Three and two samples a frame: wfdb alone would average them to one."""
    rng = np.random.default_rng(3)
    fast, slow = rng.integers(-900, 900, (100, 3)), rng.integers(-900, 900, (100, 2))
    frames = np.concatenate([fast, slow], axis=1).astype("<i2")
    frames[5, 1] = -(2**15)
    (tmp_path / "r.dat").write_bytes(frames.tobytes())
    lines = "r.dat 16x3 200 16 0 0 0 0 II\nr.dat 16x2 200 16 0 0 0 0 V5\n"
    (tmp_path / "r.hea").write_text("r 2 125 100\n" + lines)
    file = open_record(tmp_path / "r")
    assert (file.fs, file.n_samples) == (375.0, 300)
    assert (file.lead_names, file.left_out) == (("II",), ("V5",))
    whole = fast.reshape(-1).astype(np.int32)
    whole[16] = MISSING
    for first, end in ((0, 300), (7, 299), (100, 101)):
        assert file.read(first, end, [0])[:, 0].tolist() == whole[first:end].tolist()
    (tmp_path / "m.hea").write_text("m/3 2 125 250\nr 100\n~ 50\nr 100\n")
    joined = open_record(tmp_path / "m")
    assert (joined.fs, joined.n_samples, joined.left_out) == (375.0, 750, ("V5",))
    assert joined.read(450, 750, [0])[:, 0].tolist() == whole.tolist()


def test_beats_of_a_record_with_frames_are_written_in_frames(tmp_path):
    ecg_mv = named_heart("sinus_calm", seed=2).read(250 * 60).counts[:, 0]
    (tmp_path / "r.dat").write_bytes(ecg_mv.astype("<i2").tobytes())
    (tmp_path / "r.hea").write_text("r 1 125 7500\nr.dat 16x2 400 16 0 0 0 0 II\n")
    (tmp_path / "s.hea").write_text("s 1 250 15000\nr.dat 16 400 16 0 0 0 0 II\n")
    beats = []
    for name in "rs":
        assert main(["annotate", str(tmp_path / name), "--out", str(tmp_path)]) == 0
        beats.append(read_annotations(tmp_path / name, "anx").sample)
    assert len(beats[0]) > 50
    assert np.abs(beats[0] - beats[1] / 2).max() <= 0.5


def test_a_header_without_a_length_goes_by_its_signal_file(tmp_path, wave):
    write_wfdb(tmp_path, "rec", wave)
    header = tmp_path / "rec.hea"
    header.write_text(header.read_text().replace("rec 2 250 1000", "rec 2 250"))
    got = open_record(tmp_path / "rec")
    assert got.n_samples == 1000
    again = got.read(300, 400, [1, 0])
    assert np.array_equal(again, got.whole().counts[300:400, ::-1])


def test_odd_headers_get_a_reason(tmp_path, wave, monkeypatch):
    write_wfdb(tmp_path, "rec", wave)
    good = (tmp_path / "rec.hea").read_text()
    more = good.replace("rec 2 250", "more 1 250")  # two signals, one announced
    (tmp_path / "more.hea").write_text(more)
    assert reason_of(read_record, tmp_path / "more") in ("header_damaged", "signal_damaged")
    (tmp_path / "long.hea").write_text(good + "# again and again\n" * 60_000)
    assert reason_of(read_record, tmp_path / "long") == "header_damaged"
    (tmp_path / "back.hea").write_text("back/2 2 250 2000\nrec -1000\nrec 1000\n")
    assert reason_of(read_record, tmp_path / "back") == "header_damaged"
    monkeypatch.setattr("analytics.records_wfdb._MAX_UNSIZED_BYTES", 100)
    (tmp_path / "rec.hea").write_text(good.replace("rec 2 250 1000", "rec 2 250"))
    assert reason_of(read_record, tmp_path / "rec") == "header_damaged"


def test_what_is_not_there_or_damaged_is_named(tmp_path, wave):
    assert reason_of(read_record, tmp_path / "nope") == "missing"
    write_wfdb(tmp_path, "rec", wave)
    data = tmp_path / "rec.dat"
    data.write_bytes(data.read_bytes()[:500])
    assert reason_of(read_record, tmp_path / "rec") == "signal_damaged"
    data.unlink()
    assert reason_of(read_record, tmp_path / "rec") == "no_signal"
    for text in ("", "rec", "rec two 250", "rec 2 0 1000", "rec 2 250 9999999999999"):
        (tmp_path / "bad.hea").write_text(text)
        assert reason_of(read_record, tmp_path / "bad") == "header_damaged"
    (tmp_path / "other.bin").write_bytes(b"GIF89a..........")
    assert reason_of(read_record, tmp_path / "other.bin") == "unknown_format"


def test_a_header_may_not_name_a_file_elsewhere(tmp_path):
    for name in ("/etc/passwd", "../rec.dat", "..\\rec.dat", "https://host/rec.dat"):
        (tmp_path / "evil.hea").write_text(f"evil 1 250 10\n{name} 16 200/mV\n")
        assert reason_of(read_record, tmp_path / "evil") == "outside_folder"


def test_a_header_alone_tells_rate_and_length(tmp_path):
    (tmp_path / "only.hea").write_text("only 2 128 9661440  9:30:00 31/01/2003\n")
    header = record_header(tmp_path / "only")
    assert header is not None
    assert (header.fs, header.n_samples) == (128.0, 9661440)
    assert header.start_at == datetime(2003, 1, 31, 9, 30, tzinfo=UTC)
    assert record_header(tmp_path / "none") is None


def test_shared_records_of_every_database_equal_wfdbs_own_reading(shared_ecg):
    names = ["mitdb/101", "cpsc2021/data_0_1", "cinc2017/A00001", "cinc2021/E07500"]
    for name in names:
        ours = read_record(shared_ecg / name)
        theirs = wfdb.rdrecord(str(shared_ecg / name))
        assert ours.signal_mv == pytest.approx(theirs.p_signal, abs=1e-9)
        assert ours.lead_names == tuple(theirs.sig_name)


# EDF


def test_an_edf_file_comes_back_in_mv(tmp_path):
    rows = np.arange(3 * 250).reshape(3, 250)
    data = files.edf({"ECG II": ("uV", -3276.8, 3276.7, rows), "Resp": ("", -1, 1, rows)})
    (tmp_path / "rec.edf").write_bytes(data)
    for name in ("rec.edf", "rec"):
        got = read_record(tmp_path / name)
    assert (got.fs, got.lead_names, got.n_samples) == (250.0, ("II",), 750)
    # One count is 0.1 µV; count 0 is 0 µV.
    assert got.signal_mv[:, 0] == pytest.approx(rows.reshape(-1) * 1e-4, abs=1e-9)
    assert got.gain_counts_per_mv[0] == pytest.approx(10000.0)
    assert got.start_at == datetime(2026, 3, 2, 9, 30, 15, tzinfo=UTC)


def test_edf_plus_holes_are_missing_and_notes_are_placed(tmp_path):
    rows = np.ones((3, 200)) * np.array([[10], [20], [30]])
    data = files.edf(
        {"EKG I": ("mV", -32.768, 32.767, rows)},
        onsets_s=[0.0, 1.0, 4.5],
        notes=[(1, 1.25, "button"), (2, 5.0, "心悸")],
        plus="EDF+D",
    )
    (tmp_path / "holes.edf").write_bytes(data)
    got = read_record(tmp_path / "holes.edf")
    assert got.n_samples == round(5.5 * 200)
    assert np.isnan(got.signal_mv[400:900, 0]).all()
    assert got.signal_mv[0, 0] == pytest.approx(0.010)
    assert got.signal_mv[900, 0] == pytest.approx(0.030)
    assert got.notes == ((250, "button"), (1000, "心悸"))
    assert got.start_at == datetime(2026, 3, 2, 9, 30, 15, tzinfo=UTC)


def test_edf_plus_continuous_ignores_where_records_say_they_are(tmp_path):
    data = files.edf(
        {"I": ("mV", -32.768, 32.767, np.zeros((2, 100)))},
        onsets_s=[0.5, 1.5],
        plus="EDF+C",
    )
    (tmp_path / "c.edf").write_bytes(data)
    assert read_record(tmp_path / "c.edf").n_samples == 200


def test_slower_signals_and_other_units_are_left_out(tmp_path):
    data = files.edf(
        {
            "I": ("mV", -1, 1, np.zeros((2, 250))),
            "EMG": ("uV", -1, 1, np.zeros((2, 100))),
            "SpO2": ("%", 0, 100, np.zeros((2, 250))),
        }
    )
    (tmp_path / "m.edf").write_bytes(data)
    file = open_record(tmp_path / "m.edf")
    assert (file.lead_names, file.left_out) == (("I",), ("EMG",))


def test_a_lead_stored_upside_down_is_turned_and_one_without_a_gain_left_out(tmp_path):
    rows = np.arange(500).reshape(2, 250)
    signals = {
        "I": ("mV", -1, 1, rows),
        "II": ("mV", 1, -1, rows),
        "V1": ("mV", 1, 1, rows),
    }
    (tmp_path / "u.edf").write_bytes(files.edf(signals))
    got = read_record(tmp_path / "u.edf")
    assert got.lead_names == ("I", "II")
    assert got.signal_mv[:, 1] == pytest.approx(-got.signal_mv[:, 0], abs=1e-4)


def test_a_damaged_edf_is_named(tmp_path):
    good = files.edf({"I": ("mV", -1, 1, np.zeros((2, 250)))})
    cases = {
        "truncated": good[:-10],
        "header_damaged": good[:252] + b"abcd" + good[256:],
        "no_ecg": files.edf({"I": ("%", -1, 1, np.zeros((2, 250)))}),
    }
    for reason, data in cases.items():
        (tmp_path / "bad.edf").write_bytes(data)
        assert reason_of(read_record, tmp_path / "bad.edf") == reason
    back = files.edf(
        {"I": ("mV", -1, 1, np.zeros((2, 250)))}, onsets_s=[0.0, 0.2], plus="EDF+D"
    )
    (tmp_path / "bad.edf").write_bytes(back)
    assert reason_of(read_record, tmp_path / "bad.edf") == "signal_damaged"


@given(st.binary(max_size=2000), st.integers(0, 700))
def test_any_bytes_are_a_recording_or_a_bad_record(tmp_path_factory, noise, at):
    folder = tmp_path_factory.getbasetemp()
    good = files.edf({"I": ("mV", -1, 1, np.zeros((1, 100)))}, onsets_s=[0], plus="EDF+D")
    old = files.ishne(np.zeros((50, 1)), 200)
    for name, data in (("f.edf", good), ("f.ecg", old)):
        mixed = data[:8] + data[8 : 8 + at] + noise + data[8 + at + len(noise) :]
        (folder / name).write_bytes(mixed)
        with contextlib.suppress(BadRecord):
            read_record(folder / name)


# ISHNE


@pytest.mark.parametrize("total", [False, True])
def test_an_ishne_file_comes_back_in_mv(tmp_path, total):
    table = np.column_stack([np.arange(400), -np.arange(400)])
    table[7, 1] = -32768
    path = tmp_path / "rec.ecg"
    path.write_bytes(files.ishne(table, 200, specs=(5, 12), nv=2500, total=total))
    got = read_record(path)
    assert (got.fs, got.lead_names, got.n_samples) == (200.0, ("I", "V2"), 400)
    assert got.signal_mv[:, 0] == pytest.approx(np.arange(400) * 0.0025)
    assert np.isnan(got.signal_mv[7, 1])
    assert got.start_at == datetime(2026, 3, 2, 9, 30, 15, tzinfo=UTC)
    assert read_record(path, leads=["V2"]).lead_names == ("V2",)


def test_a_damaged_ishne_is_named(tmp_path):
    good = files.ishne(np.zeros((400, 1)), 200)
    path = tmp_path / "bad.ecg"
    path.write_bytes(good[:-100])
    assert reason_of(read_record, path) == "truncated"
    path.write_bytes(good[:300])
    assert reason_of(read_record, path) == "header_damaged"


# Annotations


def test_annotations_read_by_wfdb_are_those_written(tmp_path):
    rows = annotations(
        (0, "+", "(N"),
        (5, "N", ""),
        (1028, "V", ""),  # 1023 after: the longest step without a skip
        (2052, "S", ""),  # 1024 after: needs one
        (2052, "+", "(AFIB"),
        (9_000_000, "/", ""),
        (9_000_001, "+", "(VT"),
        (9_000_400, "F", ""),
        (9_000_800, "Q", ""),
    )
    write_annotations(tmp_path / "rec.dat", "anx", rows)
    theirs = wfdb.rdann(str(tmp_path / "rec"), "anx")
    assert theirs.sample.tolist() == rows.sample.tolist()
    assert tuple(theirs.symbol) == rows.symbol
    assert tuple(x.rstrip("\0") for x in theirs.aux_note) == rows.aux
    ours = read_annotations(tmp_path / "rec", "anx")
    assert ours.sample.tolist() == rows.sample.tolist()
    assert (ours.symbol, ours.aux) == (rows.symbol, rows.aux)


def test_annotations_written_by_wfdb_are_read_with_rate_and_subtype(tmp_path):
    wfdb.wrann(
        "rec",
        "atr",
        np.array([10, 700, 40000]),
        symbol=["N", "~", "+"],
        subtype=np.array([0, -1, 0]),
        aux_note=["", "", "(AFIB"],
        fs=360,
        write_dir=str(tmp_path),
    )
    got = read_annotations(tmp_path / "rec", "atr")
    assert got.sample.tolist() == [10, 700, 40000]
    assert got.symbol == ("N", "~", "+")
    assert got.aux == ("", "", "(AFIB")
    assert got.subtype == (0, -1, 0)
    assert got.fs == 360.0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**33),
            st.sampled_from(sorted(CODES)),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        ),
        max_size=40,
    )
)
def test_decoding_undoes_encoding(rows):
    rows = sorted(rows, key=lambda r: r[0])
    if rows and rows[0][0] == 0 and rows[0][2].startswith("## "):
        rows = rows[1:]
    steps = np.diff([0] + [r[0] for r in rows])
    if (steps >= 2**31).any():
        return
    given_rows = annotations(*rows)
    got = decode_annotations(encode_annotations(given_rows))
    assert got.sample.tolist() == given_rows.sample.tolist()
    assert (got.symbol, got.aux) == (given_rows.symbol, given_rows.aux)


@given(st.binary(max_size=400))
def test_any_bytes_are_annotations_or_a_bad_record(data):
    with contextlib.suppress(BadRecord):
        got = decode_annotations(data)
        assert (np.diff(got.sample) >= 0).all()


def test_annotations_that_cannot_be_written_are_refused():
    for rows in ([(5, "N", ""), (4, "N", "")], [(5, "§", "")], [(5, "+", "x" * 256)]):
        assert reason_of(encode_annotations, annotations(*rows)) == "annotations_invalid"


def test_no_annotations_are_named(tmp_path):
    assert reason_of(read_annotations, tmp_path / "rec", "atr") == "no_annotations"


def test_shared_annotations_equal_wfdbs_own_reading(shared_ecg):
    for name, extension in (("mitdb/203", "atr"), ("qtdb/sel102", "q1c")):
        ours = read_annotations(shared_ecg / name, extension)
        theirs = wfdb.rdann(str(shared_ecg / name), extension)
        assert ours.sample.tolist() == theirs.sample.tolist()
        assert list(ours.symbol) == theirs.symbol
        assert list(ours.aux) == [x.rstrip("\0") for x in theirs.aux_note]


def test_a_stem_keeps_dots_that_are_part_of_the_name():
    assert record_stem(Path("x/rec.v2")).name == "rec.v2"
    assert record_stem(Path("x/rec.dat")).name == "rec"
