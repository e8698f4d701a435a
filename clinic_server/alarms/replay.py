"""`anxin alarms RECORD…`: what the default rules would have raised, had it been worn.

The same code as live, analysis and rules, block by block, as fast as the machine can.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analytics import live
from analytics.errors import BadRecord
from analytics.records import read_record
from analytics.types import Block, Ecg, LiveEvent
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.raising import SAME_EVENT_S
from clinic_server.alarms.rules import evaluate, start_rules
from clinic_server.alarms.rules_work import Context

BLOCK_S = 2.0
"""As a phone sends it."""
Heard = tuple[int, tuple[LiveEvent, ...]]
"""End of a block, and what the analysis says when it has come."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One alarm of a replay, times in seconds from the start of the record.

    Attributes
    ----------
    raised_s : float
        End of the block whose arrival raised it: what live would have waited for.
    end_s : float or None
        None: still running when the record ended.
    """

    rule: str
    tier: str
    code: str
    onset_s: float
    raised_s: float
    end_s: float | None
    evidence: dict[str, Any]


def replay(
    ecg_mv: Ecg,
    fs: float,
    *,
    limits: Limits | None = None,
    context: Context | None = None,
    block_s: float = BLOCK_S,
) -> list[Replayed]:
    """Run analysis and rules over one lead as if it arrived live.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN marks samples that do not exist: a gap.
    fs : float
        Hz.
    limits, context : optional
        Default: shipped thresholds, nothing known of the patient.
    block_s : float
        Length of one upload.

    Returns
    -------
    list of Replayed
        In order of raising; repeats of a rule are not grouped.
    """
    return judged(heard(ecg_mv, fs, block_s), fs, limits=limits, context=context)


def heard(ecg_mv: Ecg, fs: float, block_s: float = BLOCK_S) -> Iterator[Heard]:
    """Give what the live analysis says after each block, with the block's end.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
    fs : float
        Hz.
    block_s : float
    """
    running = live.start(fs)
    end = 0
    for block in blocks_of(ecg_mv, fs, block_s):
        end = block.first_sample + len(block.ecg_mv)
        running, events = live.step(running, block)
        yield end, events
    _, events = live.finish(running)
    yield end, events


def judged(
    batches: Iterable[Heard],
    fs: float,
    *,
    limits: Limits | None = None,
    context: Context | None = None,
) -> list[Replayed]:
    """Let the rules judge what the analysis has said; parameters as `replay`."""
    rules = start_rules(fs, limits)
    found: list[Replayed] = []
    for end, events in batches:
        rules, candidates = evaluate(rules, events, context)
        _collect(found, candidates, end / fs, fs)
    return found


def blocks_of(ecg_mv: Ecg, fs: float, block_s: float) -> Iterator[Block]:
    """Cut a lead into blocks; gaps (NaN) are left out, never filled.

    A file says nothing of electrodes: contact is taken as proven wherever there are
    samples, as it would have been on the patch.
    """
    size = max(1, round(block_s * fs))
    for first in range(0, len(ecg_mv), size):
        part = ecg_mv[first : first + size]
        there = np.isfinite(part)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]])))
        for low, high in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            yield Block(first + low, part[low:high, None], True)


def _collect(
    found: list[Replayed], candidates: Sequence[Candidate], raised_s: float, fs: float
) -> None:
    for one in candidates:
        onset_s = one.onset_sample / fs
        offset_s = None if one.offset_sample is None else one.offset_sample / fs
        known = next(
            (
                i
                for i in range(len(found) - 1, -1, -1)
                if found[i].rule == one.rule
                and found[i].code == one.code
                and abs(found[i].onset_s - onset_s) < min(SAME_EVENT_S, 0.5)
            ),
            None,
        )
        if known is None:
            if one.phase != "raised":
                continue
            found.append(
                Replayed(
                    rule=one.rule,
                    tier=one.tier.value,
                    code=one.code,
                    onset_s=round(onset_s, 3),
                    raised_s=round(raised_s, 3),
                    end_s=None if offset_s is None else round(offset_s, 3),
                    evidence=dict(one.params) | dict(one.evidence),
                )
            )
            continue
        before = found[known]
        found[known] = Replayed(
            rule=before.rule,
            tier=before.tier,
            code=before.code,
            onset_s=before.onset_s,
            raised_s=before.raised_s,
            end_s=before.end_s if offset_s is None else round(offset_s, 3),
            evidence=before.evidence | dict(one.params) | dict(one.evidence),
        )


def add_commands(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``alarms`` to the command line of `anxin`."""
    parser = subparsers.add_parser(
        "alarms", help="what the default rules would have raised on a record"
    )
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD")
    parser.add_argument("--lead", metavar="NAME|INDEX", help="default: the first one")
    parser.set_defaults(handler=main)


def main(args: argparse.Namespace) -> int:
    """Print one JSON line per record.

    Returns
    -------
    int
        0; 1 when a record could not be read (its line says why, the others are done).
    """
    failed = False
    for place in args.records:
        try:
            line = replay_record(place, args.lead)
        except BadRecord as error:
            failed = True
            line = {"record": str(place), "error": error.code} | {
                k: str(v) for k, v in error.params.items()
            }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return int(failed)


def replay_record(place: Path, lead: str | None) -> dict[str, Any]:
    """Replay one lead of a record.

    Parameters
    ----------
    place : Path
        WFDB, EDF or ISHNE.
    lead : str or None
        Name or position; None: the first ECG lead.

    Raises
    ------
    BadRecord
    """
    wanted = None if lead is None else [int(lead) if lead.isdigit() else lead]
    record = read_record(place, leads=wanted)
    found = replay(record.lead_mv(0), record.fs)
    return {
        "record": str(place),
        "lead": record.lead_names[0],
        "fs_hz": record.fs,
        "duration_s": round(record.n_samples / record.fs, 3),
        "alarms": [asdict(alarm) for alarm in found],
    }
