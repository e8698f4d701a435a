"""Command line of the analysis: ``annotate``, ``analyze``, ``evaluate``.

``python -m analytics …`` and ``anxin …`` are the same commands. One JSON line per record
goes to standard output; a record that cannot be read is reported there and does not stop
the others.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from analytics import rhythm
from analytics.errors import AnalyticsError, BadRecord
from analytics.holter import ALGORITHM_VERSION, analyze_holter, read_ecg
from analytics.holter_annotations import to_annotations, to_beats
from analytics.holter_report import Reading
from analytics.holter_types import HolterReport
from analytics.records import (
    read_annotations,
    read_record,
    record_header,
    record_stem,
    write_annotations,
)
from analytics.records_evaluate import compare_pair, find_pairs, table_json, table_text
from analytics.records_types import Recording
from analytics.vocabulary import Grade

RenderPdf = Callable[[HolterReport, Recording], bytes]
"""Makes the printed report; the server room has one, this room has none."""

EXTENSION = "anx"
"""Annotator name of the files that ``annotate`` writes."""


def main(argv: Sequence[str] | None = None, *, render_pdf: RenderPdf | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; the process's own by default.
    render_pdf : callable, optional
        Makes the PDF of ``analyze --pdf``.

    Returns
    -------
    int
        0, or 1 when a record could not be done. A wrong command line exits with 2.
    """
    parser = argparse.ArgumentParser(prog="python -m analytics", description=__doc__)
    add_commands(
        parser.add_subparsers(dest="command", required=True), render_pdf=render_pdf
    )
    args = parser.parse_args(argv)
    code: int = args.handler(args)
    return code


def add_commands(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    render_pdf: RenderPdf | None = None,
) -> None:
    """Add the three commands to a parser; each sets ``handler(args) -> int``."""
    annotate = subparsers.add_parser("annotate", help="write WFDB annotations of records")
    annotate.add_argument("records", nargs="+", metavar="RECORD", type=Path)
    annotate.add_argument("--out", required=True, metavar="DIR", type=Path)
    annotate.add_argument("--lead", metavar="NAME|INDEX", default=None)
    annotate.add_argument("--beats", metavar="EXT", default=None)
    _add_pacemaker(annotate)
    annotate.set_defaults(handler=run_annotate)

    analyze = subparsers.add_parser("analyze", help="analyse a whole recording")
    analyze.add_argument("record", metavar="RECORD", type=Path)
    analyze.add_argument("--json", required=True, metavar="FILE", type=Path)
    analyze.add_argument("--pdf", metavar="FILE", type=Path, default=None)
    _add_pacemaker(analyze)
    analyze.set_defaults(handler=lambda args: run_analyze(args, render_pdf=render_pdf))

    evaluate = subparsers.add_parser("evaluate", help="print EC57 tables")
    evaluate.add_argument("folders", nargs="+", metavar="DIR", type=Path)
    evaluate.add_argument("--ann", default=EXTENSION, metavar="EXT")
    evaluate.add_argument("--ref", default="atr", metavar="EXT")
    evaluate.add_argument("--start", default=300.0, metavar="SECONDS", type=float)
    evaluate.add_argument("--json", metavar="FILE", type=Path, default=None)
    evaluate.set_defaults(handler=run_evaluate)


PACEMAKER: Final = {"yes": True, "no": False, "unknown": None}


def _add_pacemaker(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--pacemaker",
        choices=sorted(PACEMAKER),
        default="unknown",
        help="whether the patient has one; paced beats are told by their spikes",
    )


def run_annotate(args: argparse.Namespace) -> int:
    """Write ``DIR/<record>.anx`` for each record; one JSON line each."""
    args.out.mkdir(parents=True, exist_ok=True)
    failed = False
    for path in args.records:
        started = time.perf_counter()
        try:
            line = annotate_record(
                path,
                args.out,
                lead=args.lead,
                beats=args.beats,
                pacemaker=PACEMAKER[args.pacemaker],
            )
        except (AnalyticsError, OSError) as error:
            failed = True
            _print({"record": record_stem(path).name, **_described(error)})
            continue
        line["elapsed_s"] = round(time.perf_counter() - started, 3)
        _print(line)
    return 1 if failed else 0


def annotate_record(
    path: Path,
    out: Path,
    *,
    lead: str | None = None,
    beats: str | None = None,
    pacemaker: bool | None = None,
) -> dict[str, object]:
    """Annotate one record.

    Parameters
    ----------
    path : Path
        WFDB, EDF or ISHNE record.
    out : Path
        Folder for the annotation file.
    lead : str, optional
        Name or position of the lead; the first by default.
    beats : str, optional
        Extension of annotations whose beats and classes are taken as they are; then only
        the rhythm is found, and no signal is needed.
    pacemaker : bool, optional
        Whether the patient has one; None: not known.

    Returns
    -------
    dict
        The record's JSON line, without the elapsed time.

    Raises
    ------
    AnalyticsError, OSError
    """
    name = record_stem(path).name
    if beats is None:
        recording = read_record(path, leads=[lead if lead is not None else 0])
        fs, end = recording.fs, recording.n_samples
        lead_mv = recording.lead_mv(0)
        del recording  # the counts of a day are not needed beside its millivolts
        reading = read_ecg(lead_mv, fs, pacemaker=pacemaker)
        good = (w for w in reading.quality if w.grade is not Grade.X)
        analysable_s = sum(w.end_sample - w.first_sample for w in good) / fs
    else:
        reading, fs, end = _read_given_beats(path, beats)
        analysable_s = end / fs
    annotations = to_annotations(reading.beats, reading.episodes, end)
    header = record_header(path)
    if header is not None and header.fs != fs:  # WFDB counts frames, not samples
        frames = np.rint(annotations.sample * (header.fs / fs)).astype(np.int64)
        annotations = replace(annotations, sample=frames)
    write_annotations(out / name, EXTENSION, annotations)
    return {
        "record": name,
        "beats": len(reading.beats),
        "analysable_s": round(analysable_s, 3),
        "fs": fs,
        "episodes": len(reading.episodes),
        "algorithm_version": ALGORITHM_VERSION,
        "file": str(out / f"{name}.{EXTENSION}"),
    }


def _read_given_beats(path: Path, extension: str) -> tuple[Reading, float, int]:
    """Find rhythms from the beats of an annotation file, without looking at a signal."""
    given = read_annotations(path, extension)
    header = record_header(path)
    fs = header.fs if header is not None else given.fs
    if fs is None:
        raise BadRecord(reason="no_sampling_rate", record=record_stem(path).name)
    end = header.n_samples if header is not None else None
    end = max(end or 0, int(given.sample.max(initial=-1)) + 1)
    beats = to_beats(given, fs)
    episodes = rhythm.find_episodes(beats, fs, end_sample=end, reviewed=True)
    return Reading(beats, (), tuple(episodes)), fs, end


def run_analyze(args: argparse.Namespace, *, render_pdf: RenderPdf | None = None) -> int:
    """Analyse one recording into a JSON file, and a PDF where a renderer is mounted."""
    started = time.perf_counter()
    name = record_stem(args.record).name
    if args.pdf is not None and render_pdf is None:
        _print({"record": name, "error": "analytics.no_renderer", "params": {}})
        return 1
    try:
        # The counts of a day are not held beside its analysis, but read again to print.
        report = analyze_recording(
            read_record(args.record), pacemaker=PACEMAKER[args.pacemaker]
        )
        text = json.dumps(
            {"record": name, **report.to_json()}, ensure_ascii=False, allow_nan=False
        )
        args.json.write_text(text + "\n", encoding="utf-8")
        if args.pdf is not None and render_pdf is not None:
            args.pdf.write_bytes(render_pdf(report, read_record(args.record)))
    except (AnalyticsError, OSError) as error:
        _print({"record": name, **_described(error)})
        return 1
    _print(
        {
            "record": name,
            "beats": report.heart_rate.total_beats,
            "analysable_s": round(report.coverage.analysable_s, 3),
            "elapsed_s": round(time.perf_counter() - started, 3),
            "algorithm_version": ALGORITHM_VERSION,
        }
    )
    return 0


def analyze_recording(
    recording: Recording, *, pacemaker: bool | None = None
) -> HolterReport:
    """Analyse a recording read from a file; its wall clock gives day and night."""
    signal_mv, fs = recording.signal_mv, recording.fs
    lead_names, start_at = recording.lead_names, recording.start_at
    del recording  # the counts of a day are not needed beside its millivolts
    return analyze_holter(
        signal_mv, fs, lead_names=lead_names, start_at=start_at, pacemaker=pacemaker
    )


def run_evaluate(args: argparse.Namespace) -> int:
    """Print EC57 tables of all records that have both annotation files."""
    results, failed = [], False
    try:
        pairs = find_pairs(args.folders, args.ref, args.ann)
    except AnalyticsError as error:
        _print(_described(error))
        return 1
    for pair in pairs:
        try:
            results.append(compare_pair(pair, args.ref, args.ann, args.start))
        except (AnalyticsError, OSError) as error:
            failed = True
            _print({"record": pair.name, **_described(error)})
    print(table_text(results))
    if args.json is not None:
        text = json.dumps(table_json(results), indent=1, allow_nan=False)
        args.json.write_text(text + "\n", encoding="utf-8")
    return 1 if failed else 0


def _described(error: AnalyticsError | OSError) -> dict[str, object]:
    if isinstance(error, AnalyticsError):
        return {"error": error.code, "params": error.params}
    return {"error": "analytics.file", "params": {"reason": type(error).__name__}}


def _print(line: dict[str, object]) -> None:
    print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


if __name__ == "__main__":
    sys.exit(main())
