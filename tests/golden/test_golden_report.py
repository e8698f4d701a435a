"""Numbers of the report on reference beats of real recordings, frozen.

The beats and rhythms are the databases' own, so only the report's arithmetic is tested.
``ANXIN_UPDATE_GOLDEN=1 scripts/test tests/golden`` rewrites the files; review the diff.
"""

import itertools
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analytics.holter import analyze_holter
from analytics.holter_annotations import rhythm_spans, to_beats
from analytics.holter_beats import HolterOptions
from analytics.holter_report import Reading
from analytics.records import read_annotations, record_header
from analytics.types import Episode, QualityWindow
from analytics.vocabulary import Grade, Rhythm

FOLDER = Path(__file__).parent
RECORDS = ("ltdb/14046", "ltafdb/08", "mitdb/203", "mitdb/119")
KEPT = (
    *("heart_rate", "ventricular", "ventricular_extras", "supraventricular"),
    *("supraventricular_extras", "af", "pauses", "hrv_time", "hrv_frequency"),
    *("turbulence", "capacity", "pacing", "conclusions", "reasons"),
)


def report_of(path):
    """Report on the reference beats, with the reference's fibrillation and pauses."""
    annotations = read_annotations(path, "atr")
    header = record_header(path)
    assert header is not None
    end = header.n_samples or int(annotations.sample[-1]) + 1
    beats = to_beats(annotations, header.fs)
    episodes = [
        Episode(Rhythm(name), first, after, 1.0)
        for name in ("AFIB", "AFL")
        for first, after in rhythm_spans(annotations, (name,), end)
    ]
    for one, two in itertools.pairwise(beats):
        if two.rr_ms is not None and two.rr_ms >= 2000.0:
            evidence = {"rr_ms": two.rr_ms, "cause_sinus_arrest": 1.0}
            episodes.append(Episode(Rhythm.PAUSE, one.sample, two.sample, 1.0, evidence))
    reading = Reading(beats, (QualityWindow(0, end, Grade.A, None),), tuple(episodes))
    return analyze_holter(
        np.zeros(end, dtype=np.float64),
        header.fs,
        lead_names=("ECG",),
        start_at=datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
        options=HolterOptions(measure_intervals=False),
        reading=reading,
    )


def rounded(value):
    """Six significant digits: what must not change, without the last bits that may."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


@pytest.mark.parametrize("record", RECORDS)
def test_the_numbers_of_the_report_have_not_changed(record, shared_ecg):
    got = report_of(shared_ecg / record).to_json()
    kept = rounded({key: got[key] for key in KEPT})
    golden = FOLDER / f"report_{record.replace('/', '_')}.json"
    if os.environ.get("ANXIN_UPDATE_GOLDEN"):
        golden.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    assert kept == json.loads(golden.read_text(encoding="utf-8"))
