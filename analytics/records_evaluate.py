"""EC57 comparison of annotation files: finding them, comparing them, laying out tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from analytics import ec57, ec57_episodes, ec57_runs
from analytics.errors import BadRecord
from analytics.holter_annotations import AAMI_OF, rhythm_spans
from analytics.records import read_annotations, record_header
from analytics.records_types import RecordAnnotations

RHYTHMS: Final = {
    "af": (("AFIB",), ("AFIB",)),
    "vf": (("VFIB", "VF", "VFL", "VT"), ("VFIB", "VF", "VFL", "VT")),
}
"""Episode kinds: reference strings, test strings. vfdb writes both ``VF`` and ``VFIB``;
VT is taken with them, as the ventricular tachyarrhythmias are judged together."""
STATISTICS: Final = (
    *("qrs_se", "qrs_ppv", "v_se", "v_ppv", "s_se", "s_ppv"),
    *("couplet_se", "couplet_ppv", "short_run_se", "short_run_ppv"),
    *("long_run_se", "long_run_ppv"),
    *("af_episode_se", "af_episode_ppv", "af_duration_se", "af_duration_ppv"),
    *("vf_episode_se", "vf_episode_ppv", "vf_duration_se", "vf_duration_ppv"),
)
"""Columns of the tables, in order."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A record with both a reference and a test annotation file."""

    name: str
    reference: Path
    """Path of the record that has the reference, without suffix."""
    test: Path


@dataclass(frozen=True, slots=True)
class RecordResult:
    """Comparison of one record."""

    name: str
    statistics: Mapping[str, ec57.Ratio]
    rr_error_rms_ms: float | None
    shutdown_s: float


def find_pairs(folders: Sequence[Path], reference: str, test: str) -> list[Pair]:
    """Find records that have both annotation files, in any of the folders.

    A test file is compared with the reference in its own folder; where there is none,
    with the first one of the same name elsewhere.

    Raises
    ------
    BadRecord
        ``no_annotations`` when nothing can be compared.
    """
    references = {
        path.with_suffix(""): path.stem
        for folder in folders
        for path in sorted(folder.glob(f"*.{reference}"))
    }
    pairs = []
    for folder in folders:
        for path in sorted(folder.glob(f"*.{test}")):
            own = path.with_suffix("")
            match = own if own in references else None
            if match is None:
                named = (r for r, name in references.items() if name == path.stem)
                match = next(named, None)
            if match is not None:
                pairs.append(Pair(path.stem, match, own))
    if not pairs:
        names = [str(f) for f in folders]
        raise BadRecord(reason="no_annotations", folders=names, extension=test)
    return pairs


def compare_pair(
    pair: Pair, reference: str, test: str, start_s: float = ec57.LEARNING_S
) -> RecordResult:
    """Compare one record's beats, runs and AF and VT/VF episodes.

    Raises
    ------
    BadRecord
        ``no_sampling_rate`` when neither a header nor the file itself states it, or an
        unreadable file.
    """
    ref = read_annotations(pair.reference, reference)
    alg = read_annotations(pair.test, test)
    header = record_header(pair.reference) or record_header(pair.test)
    fs = header.fs if header is not None else ref.fs
    if fs is None:
        raise BadRecord(reason="no_sampling_rate", record=pair.name)
    end = header.n_samples if header is not None else None
    if end is None:
        end = int(max(ref.sample.max(initial=0), alg.sample.max(initial=0))) + 1
    ours, theirs = ec57_annotations(alg, end), ec57_annotations(ref, end)
    statistics: dict[str, ec57.Ratio] = {}
    beats = None
    if len(theirs.samples):
        beats = ec57.compare_beats(theirs, ours, fs, end_sample=end, start_s=start_s)
        runs = ec57_runs.compare_runs(theirs, ours, fs, end_sample=end, start_s=start_s)
        statistics |= {**beats.statistics, **runs.statistics}
    for kind, (wanted, written) in RHYTHMS.items():
        episodes = ec57_episodes.compare_episodes(
            rhythm_spans(ref, wanted, end),
            rhythm_spans(alg, written, end),
            fs,
            end_sample=end,
            start_s=start_s,
        )
        statistics |= {f"{kind}_{k}": v for k, v in episodes.statistics.items()}
    return RecordResult(
        pair.name,
        statistics,
        None if beats is None else beats.rr_error_rms_ms,
        0.0 if beats is None else beats.shutdown_s,
    )


def ec57_annotations(annotations: RecordAnnotations, end_sample: int) -> ec57.Annotations:
    """Take from an annotation file what the comparison needs."""
    labels, samples = [], []
    for sample, symbol in zip(annotations.sample.tolist(), annotations.symbol, strict=True):
        aami = AAMI_OF.get(symbol)
        if aami is not None and sample >= 0:
            samples.append(sample)
            labels.append(aami.value)
    return ec57.Annotations(
        samples=np.array(samples, dtype=np.int64),
        labels=labels,
        shutdown=_between(annotations, end_sample, "~"),
        vf=_between(annotations, end_sample, "["),
        af=rhythm_spans(annotations, ("AFIB",), end_sample),
    )


def _between(
    annotations: RecordAnnotations, end_sample: int, opening: str
) -> tuple[tuple[int, int], ...]:
    """Stretches from ``[`` to ``]``, or from unreadable ``~`` (subtype -1) to the next."""
    spans: list[tuple[int, int]] = []
    since: int | None = None
    subtypes = annotations.subtype or (0,) * len(annotations)
    for sample, symbol, subtype in zip(
        annotations.sample.tolist(), annotations.symbol, subtypes, strict=True
    ):
        opens = symbol == opening and (opening == "[" or subtype == -1)
        closes = symbol == ("]" if opening == "[" else "~") and not opens
        if opens and since is None:
            since = sample
        elif closes and since is not None:
            spans.append((since, sample))
            since = None
    if since is not None:
        spans.append((since, end_sample))
    return tuple(spans)


def table_text(results: Sequence[RecordResult]) -> str:
    """Lay the statistics out as a table: records, then gross and average."""
    summary = ec57.summarize([r.statistics for r in results])
    columns = [c for c in STATISTICS if c in summary]
    width = max([len(r.name) for r in results] + [len("average")])
    head = " ".join(f"{c:>16}" for c in columns)
    lines = [f"{'record':<{width}} {head}"]
    lines += [
        f"{r.name:<{width}} " + " ".join(_cell(r.statistics.get(c)) for c in columns)
        for r in results
    ]
    gross = (summary[c].gross_pct for c in columns)
    average = (summary[c].average_pct for c in columns)
    lines.append(f"{'gross':<{width}} " + " ".join(_percent(x) for x in gross))
    lines.append(f"{'average':<{width}} " + " ".join(_percent(x) for x in average))
    return "\n".join(lines)


def _cell(ratio: ec57.Ratio | None) -> str:
    return _percent(None if ratio is None else ratio.pct)


def _percent(value: float | None) -> str:
    return f"{'-':>16}" if value is None else f"{value:16.3f}"


def table_json(results: Sequence[RecordResult]) -> dict[str, object]:
    """Give the same tables as JSON values, with the counts behind each percentage."""
    summary = ec57.summarize([r.statistics for r in results])
    return {
        "records": {
            r.name: {
                "statistics": {
                    k: {"hits": v.hits, "of": v.of, "pct": v.pct}
                    for k, v in r.statistics.items()
                },
                "rr_error_rms_ms": r.rr_error_rms_ms,
                "shutdown_s": r.shutdown_s,
            }
            for r in results
        },
        "gross": {k: v.gross_pct for k, v in summary.items()},
        "average": {k: v.average_pct for k, v in summary.items()},
    }
