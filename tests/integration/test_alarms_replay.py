"""The replay of a file is the live path: same rules, faster than real time."""

import json
from pathlib import Path

import numpy as np
import pytest

from clinic_server.alarms.replay import blocks_of, replay
from clinic_server.cli import main
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import scenarios

FS = 250.0


def heart(name: str, seconds: int) -> np.ndarray:
    made = VirtualHeart(scenarios()[name], seed=7, fs_hz=FS, lead_names=("II",))
    return made.read(int(seconds * FS)).counts[:, 0] / 400.0


def test_the_demo_heart_raises_its_tachycardia_within_seconds() -> None:
    found = replay(heart("pvc_then_vt", 100), FS)
    (run,) = [a for a in found if a.rule == "E2"]
    assert 77 < run.onset_s < 81
    assert run.end_s is not None
    assert 86 < run.end_s < 92
    # ten beats at 172/min, the look-ahead of a beat, the length of a block
    assert run.raised_s - run.onset_s < 9 * 60 / 172 + 1.6 + 2.0 + 0.5


def test_a_calm_heart_raises_nothing() -> None:
    assert not [a for a in replay(heart("sinus_calm", 120), FS) if a.tier != "D"]


def test_a_hole_in_a_file_is_a_gap_and_never_a_pause() -> None:
    ecg = heart("sinus_calm", 60)
    ecg[int(20 * FS) : int(32 * FS)] = np.nan
    blocks = list(blocks_of(ecg, FS, 2.0))
    assert sum(len(b.ecg_mv) for b in blocks) == int(48 * FS)
    assert not replay(ecg, FS)


def test_the_command_prints_one_line_per_record(
    shared_ecg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["alarms", str(shared_ecg / "cudb" / "cu01"), "/nowhere/record"])
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 1
    assert first["duration_s"] > 500
    fibrillation = [a for a in first["alarms"] if a["rule"] == "E1"]
    assert fibrillation
    assert set(fibrillation[0]) == {
        "rule",
        "tier",
        "code",
        "onset_s",
        "raised_s",
        "end_s",
        "evidence",
    }
    assert second["error"] == "analytics.bad_record"
