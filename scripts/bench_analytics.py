"""Accuracy and speed of the analysis beside its open peers, written to docs/benchmarks.md.

Every number comes from this run: the peers are measured on the same records, the same
first lead and the same machine, or left out when they are not installed
(``pip install sleepecg openecg`` into the environment adds them). The data stay outside
the repository.

    scripts/bench analytics [--data DIR] [--out FILE] [--only qrs,beats,af,vf,speed]
    scripts/bench analytics --only left_out --models DIR

``DIR/fold0`` … hold models that have not seen the patients of a fold of
`analytics.training.qrs_data` (made by ``--leave-out`` of the training programs),
``DIR/vf`` one score of fibrillation per record of vfdb (``rhythm_vf --folds``), ``DIR/af``
the answers for each record by trees without its patient (``af_train --predictions``) and
``DIR/af_no_cpsc2021`` trees that saw nothing of CPSC 2021 (``af_train --without``).
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import platform
import resource
import signal as signals
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from analytics import _model, ec57, ec57_episodes, qrs, rhythm
from analytics.holter import ALGORITHM_VERSION, analyze_holter, read_ecg
from analytics.holter_annotations import rhythm_spans, to_annotations, to_beats
from analytics.records import read_annotations, read_record, record_header
from analytics.records_evaluate import ec57_annotations
from analytics.records_types import RecordAnnotations
from analytics.rhythm_af import find_atrial_fibrillation
from analytics.rhythm_beats import beat_arrays, spans_of
from analytics.training import qrs_data

ROOT = Path(__file__).resolve().parent.parent
Samples = NDArray[np.int64]
Detector = Callable[[NDArray[np.float64], float], Samples]
PACED = ("102", "104", "107", "217")
DAY_FS = 250.0  # Hz of the 24-h recording
DAY_S = 86400.0
SPEED_LIMIT_S = 900  # s of CPU after which a speed run is given up
VENTRICULAR = ("VT", "VFIB", "VF", "VFL")


def detectors() -> dict[str, Detector]:
    """Ours and every installed peer's R-peak detector, by name and version."""
    found: dict[str, Detector] = {f"anxin {ALGORITHM_VERSION}": qrs.detect_r_peaks}
    if installed("sleepecg"):
        sleepecg = importlib.import_module("sleepecg")
        found[named("sleepecg")] = lambda ecg, fs: np.asarray(
            sleepecg.detect_heartbeats(ecg, fs), np.int64
        )
    processing = importlib.import_module("wfdb.processing")
    found[f"wfdb xqrs {version('wfdb')}"] = lambda ecg, fs: np.asarray(
        processing.xqrs_detect(ecg, fs, verbose=False), np.int64
    )
    neurokit = importlib.import_module("analytics._neurokit")
    found[named("neurokit2")] = neurokit.detect_r_peaks
    return found


def installed(name: str) -> bool:
    """Whether an optional package is there."""
    return importlib.util.find_spec(name) is not None


def version(name: str) -> str:
    """Version of an installed package."""
    return importlib.metadata.version(name)


def named(name: str) -> str:
    """Name and version, as tables show them."""
    return f"{name} {version(name)}"


def lead_of(path: Path) -> tuple[NDArray[np.float64], float]:
    """Read the first lead in mV; missing samples are 0, as the peers cannot take them."""
    recording = read_record(path, leads=[0])
    return np.nan_to_num(recording.lead_mv(0)), recording.fs


def with_atr(folder: Path, keep: Callable[[str], bool] = lambda name: True) -> list[Path]:
    """List the records of a folder that have beat annotations and a signal, in order."""
    stems = sorted(p.with_suffix("") for p in folder.glob("*.atr"))
    return [p for p in stems if keep(p.name) and p.with_suffix(".dat").is_file()]


# QRS


def qrs_rows(data: Path) -> list[list[str]]:
    """QRS sensitivity and predictive value of every detector on every database."""
    sets: list[tuple[str, list[Path], float]] = [
        ("MIT-BIH, not paced", with_atr(data / "mitdb", lambda n: n not in PACED), 300.0),
        ("MIT-BIH, paced", with_atr(data / "mitdb", lambda n: n in PACED), 300.0),
        ("QT database", with_atr(data / "qtdb"), 0.0),
        ("CPSC 2021", with_atr(data / "cpsc2021"), 0.0),
    ]
    for snr in ("12", "06", "00", "_6"):
        name = f"118e{snr}"
        records = with_atr(data / "nstdb", lambda n, name=name: n == name)  # type: ignore[misc]
        label = {"12": "12", "06": "6", "00": "0", "_6": "-6"}[snr]
        sets.append((f"Noise stress 118, {label} dB", records, 300.0))
    rows = []
    for label, records, start_s in sets:
        if not records:
            continue
        for name, detect in detectors().items():
            results = {r.name: qrs_statistics(r, detect, start_s) for r in records}
            gross = ec57.summarize(list(results.values()))
            worst = min(results, key=lambda k: harmonic(results[k]))
            rows.append(
                [
                    label,
                    str(len(records)),
                    name,
                    percent(gross["qrs_se"].gross_pct),
                    percent(gross["qrs_ppv"].gross_pct),
                    worst,
                ]
            )
    return rows


def harmonic(statistics: dict[str, ec57.Ratio]) -> float:
    """Harmonic mean of sensitivity and predictive value, for finding the worst record."""
    se, ppv = statistics["qrs_se"].pct or 0.0, statistics["qrs_ppv"].pct or 0.0
    return 2 * se * ppv / (se + ppv) if se + ppv else 0.0


def qrs_statistics(path: Path, detect: Detector, start_s: float) -> dict[str, ec57.Ratio]:
    """Compare one detector's beats with the reference of one record."""
    ecg, fs = lead_of(path)
    try:
        peaks = detect(ecg, fs)
    except (ValueError, IndexError, ZeroDivisionError, KeyError):  # a peer gave up
        peaks = np.empty(0, np.int64)
    test = ec57.Annotations(peaks, ["N"] * len(peaks))
    reference = ec57_annotations(read_annotations(path, "atr"), len(ecg))
    got = ec57.compare_beats(reference, test, fs, end_sample=len(ecg), start_s=start_s)
    return dict(got.statistics)


# Beat classes


def beat_rows(data: Path) -> list[list[str]]:
    """V and S beats of ours, per record and gross, first lead, 5 min skipped."""
    rows, all_statistics = [], []
    for path in with_atr(data / "mitdb", lambda n: n not in PACED):
        got = our_beats(path, ec57.LEARNING_S)
        all_statistics.append(got)
        rows.append([path.name, *(counted(got[k]) for k in BEAT_COLUMNS)])
    if rows:
        summary = ec57.summarize(all_statistics)
        gross = [percent(summary[k].gross_pct) for k in BEAT_COLUMNS]
        average = [percent(summary[k].average_pct) for k in BEAT_COLUMNS]
        rows += [["**gross**", *gross], ["**average**", *average]]
    return rows


BEAT_COLUMNS = ("qrs_se", "qrs_ppv", "v_se", "v_ppv", "s_se", "s_ppv")


def our_beats(path: Path, start_s: float) -> dict[str, ec57.Ratio]:
    """Compare our beats and their classes with the reference of one record."""
    annotated, fs, end = annotated_by_us(path)
    reference = ec57_annotations(read_annotations(path, "atr"), end)
    test = ec57_annotations(annotated, end)
    got = ec57.compare_beats(reference, test, fs, end_sample=end, start_s=start_s)
    return dict(got.statistics)


def openecg_beats(path: Path, start_s: float) -> dict[str, ec57.Ratio]:
    """Compare the beats of openecg's report; it tells ventricular beats only."""
    openecg = importlib.import_module("openecg")
    ecg, fs = lead_of(path)
    fast = signal.resample_poly(ecg, 500, int(fs))
    told = openecg.report(fast, 500, model="onnx", max_beat_events=fast.size)
    events = told.beats["events"]
    samples = [round(event["sample"] * fs / 500.0) for event in events]
    labels = ["V" if event["type"] == "vpc" else "N" for event in events]
    test = ec57.Annotations(np.array(samples, np.int64), labels)
    reference = ec57_annotations(read_annotations(path, "atr"), len(ecg))
    got = ec57.compare_beats(reference, test, fs, end_sample=len(ecg), start_s=start_s)
    return dict(got.statistics)


def peer_rows(data: Path) -> list[list[str]]:
    """Gross beat classes of every program that tells any."""
    programs = {f"anxin {ALGORITHM_VERSION}": our_beats}
    if installed("openecg"):
        programs[named("openecg")] = openecg_beats
    records = with_atr(data / "mitdb", lambda n: n not in PACED)
    rows = []
    for name, classify in programs.items():
        gross = ec57.summarize([classify(path, ec57.LEARNING_S) for path in records])
        rows.append([name, *(percent(gross[k].gross_pct) for k in BEAT_COLUMNS)])
    return rows


@contextmanager
def models_of(folder: Path) -> Iterator[None]:
    """Let the analysis use the models of a folder in place of the shipped ones."""
    with models_in({path.stem: path for path in folder.glob("*.onnx")}):
        yield


@contextmanager
def models_in(files: Mapping[str, Path]) -> Iterator[None]:
    """Let the analysis use these models in place of the shipped ones of their names."""
    shipped = _model.load
    own = {n: _model.Session(n, path.read_bytes()) for n, path in files.items()}
    vars(_model)["load"] = lambda name: own[name] if name in own else shipped(name)
    try:
        yield
    finally:
        vars(_model)["load"] = shipped


def left_out_rows(data: Path, models: Path) -> list[list[str]]:
    """Beats of patients whom the trees, and the network if it is there, have not seen."""
    dealt = qrs_data.folds_of(data, 3)
    rows = []
    for database, label, start_s in (
        ("mitdb", "MIT-BIH, not paced", ec57.LEARNING_S),
        ("qtdb", "QT database", 0.0),
    ):
        every: dict[str, dict[str, ec57.Ratio]] = {}
        for folder in sorted(models.glob("fold*")):
            fold = int(folder.name.removeprefix("fold"))
            of_fold = lambda n, db=database, k=fold: (  # noqa: E731
                n not in PACED and dealt[qrs_data.patient_of(db, n)] == k
            )
            with models_of(folder):
                records = with_atr(data / database, of_fold)
                found = {path.name: our_beats(path, start_s) for path in records}
            seen = "" if (folder / "qrs.onnx").is_file() else ", trees only"
            rows.append([label, f"{fold}{seen}", *left_out_cells(found)])
            every |= {} if seen else found
        rows.append([label, "all left out", *left_out_cells(every)])
        average = ec57.summarize(list(every.values()))
        cells = [percent(average[k].average_pct) for k in BEAT_COLUMNS]
        rows.append([label, "the same, average", str(len(every)), *cells, "", ""])
    return rows


def left_out_cells(found: dict[str, dict[str, ec57.Ratio]]) -> list[str]:
    """Count the records, give gross statistics and the records with most errors."""
    gross = ec57.summarize(list(found.values()))
    cells = [percent(gross[k].gross_pct) for k in BEAT_COLUMNS]
    worst = [", ".join(most_errors(found, kind)) for kind in ("v", "s")]
    return [str(len(found)), *cells, *worst]


def most_errors(found: dict[str, dict[str, ec57.Ratio]], kind: str) -> list[str]:
    """Name the three records with most missed and false beats of a class."""

    def errors(name: str) -> tuple[int, int]:
        se, ppv = found[name][f"{kind}_se"], found[name][f"{kind}_ppv"]
        return int(se.of - se.hits), int(ppv.of - ppv.hits)

    order = sorted(found, key=lambda name: -sum(errors(name)))[:3]
    return ["{} (-{} +{})".format(name, *errors(name)) for name in order]


def annotated_by_us(path: Path) -> tuple[RecordAnnotations, float, int]:
    """Annotate the first lead as the command line does."""
    recording = read_record(path, leads=[0])
    reading = read_ecg(recording.lead_mv(0), recording.fs)
    end = recording.n_samples
    return to_annotations(reading.beats, reading.episodes, end), recording.fs, end


# Rhythm


def af_rows(data: Path) -> list[list[str]]:
    """Fibrillation: duration statistics from given beats and from the signal."""
    rows = []
    days: dict[str, ec57_episodes.EpisodeComparison] = {}
    for atr in sorted((data / "ltafdb").glob("*.atr")):
        path = atr.with_suffix("")
        given = read_annotations(path, "atr")
        header = record_header(path)
        if header is None:
            continue
        end = header.n_samples or int(given.sample[-1]) + 1
        beats = to_beats(given, header.fs)
        found = rhythm.find_episodes(beats, header.fs, end_sample=end, reviewed=True)
        ours = to_annotations(beats, found, end)
        days[path.name] = compare_rhythm(given, ours, ("AFIB",), header.fs, end)
    signals: dict[str, ec57_episodes.EpisodeComparison] = {}
    for path in with_atr(data / "cpsc2021"):
        ours, fs, end = annotated_by_us(path)
        reference = read_annotations(path, "atr")
        signals[path.name] = compare_rhythm(reference, ours, ("AFIB",), fs, end)
    for label, results in (("LTAF, given beats", days), ("CPSC 2021, signal", signals)):
        if results:
            rows.append([label, str(len(results)), *duration_cells(results)])
    return rows


Annotated = tuple[RecordAnnotations, float, int]


def vf_rows(
    data: Path, annotate: Callable[[Path], Annotated] = annotated_by_us
) -> list[list[str]]:
    """VT, VF and flutter: duration, episodes of 10 s and more, false ones an hour."""
    results: dict[str, ec57_episodes.EpisodeComparison] = {}
    found = of = 0
    false, hours = 0, 0.0
    for path in with_atr(data / "vfdb"):
        ours, fs, end = annotate(path)
        reference = read_annotations(path, "atr")
        results[path.name] = compare_rhythm(reference, ours, VENTRICULAR, fs, end)
        long = [
            s for s in rhythm_spans(reference, VENTRICULAR, end) if s[1] - s[0] >= 10 * fs
        ]
        test = rhythm_spans(ours, VENTRICULAR, end)
        of += len(long)
        found += sum(any(a < y and b > x for a, b in test) for x, y in long)
        every = rhythm_spans(reference, VENTRICULAR, end)
        false += sum(
            b - a >= 10 * fs and not any(a < y and b > x for x, y in every) for a, b in test
        )
        hours += end / fs / 3600.0
    if not results:
        return []
    cells = duration_cells(results)
    per_hour = f"{false / hours:.2f}"
    return [["vfdb, signal", str(len(results)), *cells, f"{found}/{of}", per_hour]]


def vf_left_out_rows(data: Path, models: Path) -> list[list[str]]:
    """VT, VF and flutter of vfdb by a score that has not seen the record."""
    dealt = qrs_data.folds_of(data, 3)

    def annotate(path: Path) -> Annotated:
        fold = models / f"fold{dealt[qrs_data.patient_of('vfdb', path.name)]}" / "qrs.onnx"
        own = {"rhythm_vf": models / "vf" / f"{path.name}.onnx"}
        with models_in(own | ({"qrs": fold} if fold.is_file() else {})):
            return annotated_by_us(path)

    return vf_rows(data, annotate)


def af_left_out_rows(data: Path, models: Path) -> list[list[str]]:
    """Fibrillation by trees that have not seen the patient, or the database."""
    days: dict[str, ec57_episodes.EpisodeComparison] = {}
    for atr in sorted((data / "ltafdb").glob("*.atr")):
        path = atr.with_suffix("")
        given, header = read_annotations(path, "atr"), record_header(path)
        answers = models / "af" / f"ltafdb_{path.name}.npz"
        if header is None or not answers.is_file():
            continue
        # Some labels run on for hours after the last annotated beat.
        end = int(given.sample[-1]) + 1
        beats = beat_arrays(to_beats(given, header.fs), header.fs, end)
        probability = np.load(answers)["reviewed"]
        found = find_atrial_fibrillation(beats, reviewed=True, probability=probability)
        days[path.name] = ec57_episodes.compare_episodes(
            rhythm_spans(given, ("AFIB",), end),
            spans_of(found),
            header.fs,
            end_sample=end,
            start_s=0.0,
        )
    signals: dict[str, ec57_episodes.EpisodeComparison] = {}
    with models_of(models / "af_no_cpsc2021"):
        for path in with_atr(data / "cpsc2021"):
            ours, fs, end = annotated_by_us(path)
            reference = read_annotations(path, "atr")
            signals[path.name] = compare_rhythm(reference, ours, ("AFIB",), fs, end)
    labels = ("LTAF, given beats, patient left out", "CPSC 2021, signal, database left out")
    return [
        [label, str(len(results)), *duration_cells(results)]
        for label, results in zip(labels, (days, signals), strict=True)
        if results
    ]


def compare_rhythm(
    reference: RecordAnnotations,
    ours: RecordAnnotations,
    names: Sequence[str],
    fs: float,
    end: int,
) -> ec57_episodes.EpisodeComparison:
    """Compare the stretches of some rhythms, from the first sample on."""
    return ec57_episodes.compare_episodes(
        rhythm_spans(reference, names, end),
        rhythm_spans(ours, names, end),
        fs,
        end_sample=end,
        start_s=0.0,
    )


def duration_cells(
    results: dict[str, ec57_episodes.EpisodeComparison],
) -> list[str]:
    """Gross duration sensitivity and predictive value, and the worst record."""
    reference = sum(r.reference_s for r in results.values())
    test = sum(r.test_s for r in results.values())
    both = sum(r.overlap_s for r in results.values())

    def wrong(name: str) -> float:
        r = results[name]
        return (r.reference_s - r.overlap_s) + (r.test_s - r.overlap_s)

    worst = max(results, key=wrong)
    return [
        percent(100.0 * both / reference if reference else None),
        percent(100.0 * both / test if test else None),
        f"{worst} ({wrong(worst):.0f} s)",
    ]


# Speed


def day_recording(data: Path) -> NDArray[np.float32]:
    """24 h at 250 Hz: MIT-BIH records one after the other, each without its level."""
    records = with_atr(data / "mitdb", lambda n: n not in PACED)
    parts: list[NDArray[np.float32]] = []
    need = int(DAY_S * DAY_FS)
    while sum(map(len, parts)) < need:
        ecg, fs = lead_of(records[len(parts) % len(records)])
        ratio = signal.resample_poly(ecg - np.median(ecg), int(DAY_FS), int(fs))
        parts.append(ratio.astype(np.float32))
    return np.concatenate(parts)[:need]


def speed_rows(data: Path) -> list[list[str]]:
    """CPU seconds and peak memory for 24 h, each in a process of its own."""
    names = ["load", f"anxin {ALGORITHM_VERSION}"]
    names += [n for n in detectors() if not n.startswith("anxin")]
    rows: list[list[str]] = []
    base_s: float | None = None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "day.npy"
        np.save(file, day_recording(data))
        for name in names:
            got = measured(name, file)
            if name.startswith("sleepecg") and got is not None:
                base_s = got["cpu_s"]
            rows.append([name, *speed_cells(name, got)])
    for row in rows:
        cpu = float(row[2]) if row[2][:1].isdigit() else None
        multiple = cpu / base_s if cpu is not None and base_s else None
        row.append("-" if multiple is None or row[0] == "load" else f"{multiple:.1f}")
    return rows


def speed_cells(name: str, got: dict[str, float] | None) -> list[str]:
    """Say what was done, CPU seconds and peak memory."""
    work = "whole analysis" if name.startswith("anxin") else "R peaks only"
    work = "reading the array" if name == "load" else work
    if got is None:
        return [work, f"not done after {SPEED_LIMIT_S} s", "-"]
    return [work, f"{got['cpu_s']:.1f}", f"{got['peak_gb']:.2f}"]


def measured(name: str, file: Path) -> dict[str, float] | None:
    """Run one candidate in a fresh process; None when it takes too long."""
    command = [sys.executable, __file__, "--child", name, "--day", str(file)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    if done.returncode == -signals.SIGXCPU:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def child(name: str, file: Path) -> None:
    """Analyse the day and print CPU time and peak memory as JSON."""
    resource.setrlimit(resource.RLIMIT_CPU, (SPEED_LIMIT_S, SPEED_LIMIT_S + 5))
    ecg = np.load(file).astype(np.float64)
    run: Callable[[], Any] = lambda: None  # noqa: E731
    if name.startswith("anxin"):
        run = lambda: analyze_holter(ecg, DAY_FS, lead_names=("MLII",)).to_json()  # noqa: E731
    elif name != "load":
        detect = detectors()[name]
        run = lambda: detect(ecg, DAY_FS)  # noqa: E731
    before = resource.getrusage(resource.RUSAGE_SELF)
    run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0 / 1e9
    print(json.dumps({"cpu_s": cpu_s, "peak_gb": peak}))


# The page


def percent(value: float | None) -> str:
    """Two decimals, or a dash."""
    return "-" if value is None else f"{value:.2f}"


def counted(ratio: ec57.Ratio) -> str:
    """Percentage with its counts, as small counts make loud percentages."""
    if ratio.pct is None:
        return "-"
    return f"{ratio.pct:.2f} ({ratio.hits:.0f}/{ratio.of:.0f})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


SECTIONS: dict[str, tuple[str, Sequence[str], Callable[[Path], list[list[str]]]]] = {
    "qrs": (
        "QRS detection",
        ("database", "records", "detector", "Se %", "+P %", "worst record"),
        qrs_rows,
    ),
    "beats": (
        "Beat classes, MIT-BIH without paced records",
        ("record", "QRS Se", "QRS +P", "V Se", "V +P", "S Se", "S +P"),
        beat_rows,
    ),
    "classes": (
        "Beat classes beside a peer, MIT-BIH without paced records",
        ("program", "QRS Se", "QRS +P", "V Se", "V +P", "S Se", "S +P"),
        peer_rows,
    ),
    "af": (
        "Atrial fibrillation, duration",
        ("records of", "records", "Se %", "+P %", "worst record (wrong time)"),
        af_rows,
    ),
    "vf": (
        "Ventricular tachycardia, fibrillation and flutter",
        (
            *("records of", "records", "duration Se %", "duration +P %", "worst record"),
            *("episodes >= 10 s found", "false >= 10 s per hour"),
        ),
        vf_rows,
    ),
    "speed": (
        "24 hours, one lead, 250 Hz, one thread",
        ("program", "work", "CPU s", "peak GB", "multiple of sleepecg"),
        speed_rows,
    ),
}


LEFT_OUT = (
    "Beats of patients left out",
    (
        *("database", "fold", "records", "QRS Se", "QRS +P", "V Se", "V +P"),
        *("S Se", "S +P", "most V errors (missed, false)", "most S errors"),
    ),
)


def main() -> int:
    """Run the chosen sections and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "ecg")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--models", type=Path)
    parser.add_argument("--child")
    parser.add_argument("--day", type=Path)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.day)
        return 0
    if not args.data.is_dir():
        print(f"no recordings under {args.data}", file=sys.stderr)
        return 1
    wanted = args.only.split(",")
    pages = {
        name: section(title, head, rows(args.data))
        for name, (title, head, rows) in SECTIONS.items()
        if name in wanted
    }
    if args.models is not None:
        pages |= left_out_pages(args.data, args.models)
    write_page(args.out, pages)
    return 0


def left_out_pages(data: Path, models: Path) -> dict[str, str]:
    """Measure what the models of a folder say of those whom they have not seen."""
    pages = {}
    if any(models.glob("fold*/beats_v.onnx")):
        pages["left_out"] = section(*LEFT_OUT, left_out_rows(data, models))
    for name, folder, rows in (
        ("vf", "vf", vf_left_out_rows),
        ("af", "af", af_left_out_rows),
    ):
        if (models / folder).is_dir():
            title, head, _ = SECTIONS[name]
            title += ", patients left out"
            pages[f"left_out_{name}"] = section(title, head, rows(data, models))
    return pages


def section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out one section."""
    text = f"## {title}\n\n{table(head, rows)}\n"
    print(text, flush=True)
    return text


MARK = "<!-- measured: {} -->"


def write_page(path: Path, pages: dict[str, str]) -> None:
    """Replace the measured sections of the page; what people wrote around them stays."""
    text = path.read_text(encoding="utf-8") if path.is_file() else "# Benchmarks\n"
    stamp = f"Python {platform.python_version()}, numpy {np.__version__}"
    for name, page in pages.items():
        begin, end = MARK.format(name), MARK.format(f"end of {name}")
        block = f"{begin}\n{page}\n{stamp}.\n{end}"
        if begin in text and end in text:
            before, rest = text.split(begin, 1)
            text = before + block + rest.split(end, 1)[1]
        else:
            text = f"{text.rstrip()}\n\n{block}\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
