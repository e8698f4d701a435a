"""The command line: annotate, analyze and evaluate on records written here."""

import json

import numpy as np
import pytest
import wfdb

from analytics.__main__ import main
from analytics.holter_annotations import rhythm_spans, to_annotations, to_beats
from analytics.records import read_annotations, write_annotations
from analytics.records_evaluate import find_pairs
from analytics.records_types import RecordAnnotations
from analytics.types import Beat, Episode
from analytics.vocabulary import Aami, Rhythm

FS = 250


def drawn(seconds, rr_s=0.8):
    t = np.arange(int(seconds * FS)) / FS
    lead = np.zeros(len(t))
    for r in np.arange(0.5, seconds - 0.5, rr_s):
        lead += 1.1 * np.exp(-(((t - r) / 0.012) ** 2))
        lead += 0.12 * np.exp(-(((t - r + 0.16) / 0.022) ** 2))
        lead += 0.3 * np.exp(-(((t - r - 0.28) / 0.05) ** 2))
    return lead + np.random.default_rng(1).normal(0.0, 0.006, len(t))


@pytest.fixture
def record(tmp_path):
    """A two-lead record of 60 s whose second lead is flat."""
    signal = np.column_stack([drawn(60.0), np.zeros(60 * FS)])
    wfdb.wrsamp(
        "rec",
        fs=FS,
        units=["mV", "mV"],
        sig_name=["II", "V5"],
        p_signal=signal,
        fmt=["16", "16"],
        adc_gain=[1000.0, 1000.0],
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    return tmp_path / "rec"


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_annotate_writes_beats_and_rhythm_and_one_line(record, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["annotate", str(record), "--out", str(out)]) == 0
    (line,) = lines(capsys)
    assert line["record"] == "rec"
    assert line["beats"] == pytest.approx(74, abs=2)
    assert line["analysable_s"] == pytest.approx(60.0, abs=1.0)
    assert line["elapsed_s"] > 0.0
    theirs = wfdb.rdann(str(out / "rec"), "anx")
    assert theirs.symbol[0] == "+"
    assert theirs.aux_note[0].rstrip("\0") == "(N"
    beats = [s for s in theirs.symbol if s != "+"]
    assert len(beats) == line["beats"]
    assert set(beats) <= set("NSVFQ/")
    assert (np.diff(theirs.sample) >= 0).all()


def test_annotate_takes_the_lead_that_was_named(record, tmp_path, capsys):
    out = tmp_path / "out"
    for lead, beats in (("II", 74), ("0", 74), ("V5", 0), ("1", 0)):
        assert main(["annotate", str(record), "--out", str(out), "--lead", lead]) == 0
        (line,) = lines(capsys)
        assert line["beats"] == pytest.approx(beats, abs=2)


def test_one_bad_record_does_not_stop_the_others(record, tmp_path, capsys):
    (tmp_path / "bad.hea").write_text("nonsense")
    names = [str(tmp_path / "nope"), str(tmp_path / "bad"), str(record)]
    assert main(["annotate", *names, "--out", str(tmp_path / "out")]) == 1
    got = lines(capsys)
    assert [line["record"] for line in got] == ["nope", "bad", "rec"]
    assert got[0]["error"] == "analytics.bad_record"
    assert got[0]["params"]["reason"] == "missing"
    assert got[1]["params"]["reason"] == "header_damaged"
    assert got[2]["beats"] > 70


def test_given_beats_are_kept_and_need_no_signal(tmp_path, capsys):
    rng = np.random.default_rng(3)
    rr = np.concatenate([np.full(400, 100), rng.integers(50, 140, 900), np.full(400, 100)])
    at = np.cumsum(rr)
    symbols = ["N"] * len(at)
    symbols[50] = "V"
    symbols[60] = "A"
    given = RecordAnnotations(at, tuple(symbols), ("",) * len(at))
    write_annotations(tmp_path / "day", "atr", given)
    (tmp_path / "day.hea").write_text(f"day 1 128 {at[-1] + 100}\nday.dat 16 200/mV\n")
    out = tmp_path / "out"
    code = main(["annotate", str(tmp_path / "day"), "--out", str(out), "--beats", "atr"])
    assert code == 0
    (line,) = lines(capsys)
    assert line["beats"] == len(at)
    got = read_annotations(out / "day", "anx")
    beats = [(s, y) for s, y in zip(got.sample, got.symbol, strict=True) if y != "+"]
    assert [int(s) for s, _ in beats] == at.tolist()
    assert [y for _, y in beats][50] == "V"
    assert [y for _, y in beats][60] == "S"
    af = rhythm_spans(got, ("AFIB",), int(at[-1]) + 100)
    reference = (int(at[400]), int(at[1299]))
    shared = sum(max(0, min(b, reference[1]) - max(a, reference[0])) for a, b in af)
    total = sum(b - a for a, b in af)
    assert shared / (reference[1] - reference[0]) > 0.9
    assert shared / total > 0.85


def test_given_beats_without_a_rate_are_an_error(tmp_path, capsys):
    given = RecordAnnotations(np.array([100, 200]), ("N", "N"), ("", ""))
    write_annotations(tmp_path / "x", "atr", given)
    args = ["annotate", str(tmp_path / "x"), "--out", str(tmp_path), "--beats", "atr"]
    assert main(args) == 1
    assert lines(capsys)[0]["params"]["reason"] == "no_sampling_rate"


def test_analyze_writes_the_report_as_json(record, tmp_path, capsys):
    target = tmp_path / "report.json"
    assert main(["analyze", str(record), "--json", str(target)]) == 0
    (line,) = lines(capsys)
    report = json.loads(target.read_text(encoding="utf-8"))
    assert report["record"] == "rec"
    assert report["heart_rate"]["total_beats"] == line["beats"]
    assert report["coverage"]["lead_analysed"] == "II"
    assert report["passport"]["algorithm_version"] == line["algorithm_version"]


def test_analyze_renders_where_a_renderer_is_mounted(record, tmp_path, capsys):
    pdf, out = tmp_path / "r.pdf", tmp_path / "r.json"
    args = ["analyze", str(record), "--json", str(out), "--pdf", str(pdf)]
    assert main(args) == 1
    assert lines(capsys)[0]["error"] == "analytics.no_renderer"
    assert not pdf.exists()

    def render(report, recording):
        return f"{recording.name} {report.heart_rate.total_beats}".encode()

    assert main(args, render_pdf=render) == 0
    assert pdf.read_bytes().startswith(b"rec 7")


def test_analyze_of_a_missing_record_says_so(tmp_path, capsys):
    args = ["analyze", str(tmp_path / "nope"), "--json", str(tmp_path / "x.json")]
    assert main(args) == 1
    assert lines(capsys)[0]["params"]["reason"] == "missing"


def test_evaluate_prints_what_was_computed_by_hand(tmp_path, capsys):
    ref, out = tmp_path / "ref", tmp_path / "out"
    ref.mkdir()
    out.mkdir()
    (ref / "r.hea").write_text("r 1 250 250000\nr.dat 16 200/mV\n")
    at = np.arange(1, 900) * 250  # one beat a second
    symbols = np.full(899, "N")
    symbols[[400, 500, 600, 700]] = "V"
    write_annotations(ref / "r", "atr", RecordAnnotations(at, tuple(symbols), ("",) * 899))
    found = np.delete(at, 700)  # one V missed, one called N, and one false beat
    kinds = np.delete(symbols, 700)
    kinds[600] = "N"
    found, kinds = np.insert(found, 800, 200_375 + 20), np.insert(kinds, 800, "N")
    order = np.argsort(found)
    rows = RecordAnnotations(found[order], tuple(kinds[order]), ("",) * 899)
    write_annotations(out / "r", "anx", rows)
    target = tmp_path / "e.json"
    args = ["evaluate", str(ref), str(out), "--ann", "anx", "--json", str(target)]
    assert main(args) == 0
    table = capsys.readouterr().out
    assert table.splitlines()[0].split()[:3] == ["record", "qrs_se", "qrs_ppv"]
    got = json.loads(target.read_text())
    numbers = got["records"]["r"]["statistics"]
    assert numbers["v_se"]["of"] == 4
    assert numbers["v_se"]["hits"] == 2
    assert numbers["v_ppv"]["pct"] == 100.0
    assert numbers["qrs_se"]["of"] - numbers["qrs_se"]["hits"] == 1
    assert numbers["qrs_ppv"]["of"] - numbers["qrs_ppv"]["hits"] == 1
    assert got["gross"]["v_se"] == got["average"]["v_se"] == 50.0


def test_evaluate_prefers_the_reference_beside_the_test_file(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    rows = RecordAnnotations(np.array([10]), ("N",), ("",))
    for folder in (one, two):
        folder.mkdir()
        write_annotations(folder / "r", "atr", rows)
    write_annotations(two / "r", "anx", rows)
    (pair,) = find_pairs([one, two], "atr", "anx")
    assert pair.reference == two / "r"


def test_evaluate_without_anything_to_compare_says_so(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 1
    assert lines(capsys)[0]["params"]["reason"] == "no_annotations"


def test_overlapping_episodes_become_one_rhythm_at_a_time():
    episodes = (
        Episode(Rhythm.AFIB, 0, 1000, 0.9),
        Episode(Rhythm.VT, 400, 500, 0.9),
        Episode(Rhythm.STACH, 1000, 2000, 0.9),
        Episode(Rhythm.N, 2000, 3000, 0.9),
        Episode(Rhythm.VFL, 3000, None, 0.9),
    )
    beats = (Beat(400, Aami.V, 1.0, None, True, usable=True),)
    got = to_annotations(beats, episodes, 4000)
    assert got.sample.tolist() == [0, 400, 400, 500, 1000, 3000]
    assert got.symbol == ("+", "+", "V", "+", "+", "+")
    texts = [x for x in got.aux if x]
    assert texts == ["(AFIB", "(VT", "(AFIB", "(N", "(VFIB"]


def test_a_recording_without_episodes_is_written_as_normal():
    got = to_annotations((), (), 1000)
    assert (got.sample.tolist(), got.aux) == ([0], ("(N",))


def test_annotated_beats_have_no_interval_across_flutter():
    rows = RecordAnnotations(
        np.array([100, 200, 300, 400, 500]), ("N", "[", "]", "/", "E"), ("",) * 5
    )
    beats = to_beats(rows, 100.0)
    assert [b.aami for b in beats] == [Aami.N, Aami.PACED, Aami.V]
    assert [b.rr_ms for b in beats] == [None, None, 1000.0]
    assert [b.wide for b in beats] == [False, True, True]
