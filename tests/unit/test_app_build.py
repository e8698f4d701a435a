"""What a build packs: the app starts with its own dependencies, and says what it lacks."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CLINIC_ONLY = (
    *("scipy", "onnxruntime", "fastapi", "sqlmodel", "sqlalchemy", "flet_web", "bumble"),
    *("jinja2", "alembic", "apprise", "apscheduler", "fontTools", "neurokit2", "pwdlib"),
    *("psycopg", "multipart", "soundfile", "typst", "uvicorn", "wfdb"),
)
START = """
import sys
for name in {blocked}:
    sys.modules[name] = None
import numpy as np
import app.standalone
from app.heart_rate import HeartRateMeter, Trust
meter = HeartRateMeter(250.0, 200.0)
meter.add(0, np.zeros((2500, 1), np.int32), True)
rate = meter.now()
print(rate.bpm, rate.trust.value)
"""


def test_the_app_starts_without_what_only_the_clinic_needs():
    code = START.format(blocked=CLINIC_ONLY)
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (answer.stdout.strip(), answer.stderr) == ("None none", "")


def name_of(requirement: str) -> str:
    return re.split("[=<>[]", requirement)[0]


def test_nothing_of_the_clinic_is_packed_into_a_phone():
    packed = {name_of(one) for one in PROJECT["project"]["dependencies"]}
    for target in ("android", "ios"):
        extra = PROJECT["tool"]["flet"][target]["dependencies"]
        assert all("==" in one for one in extra), "pinned"
        packed |= {name_of(one) for one in extra}
    clinic = PROJECT["project"]["optional-dependencies"]["clinic"]
    assert packed & {name_of(one) for one in clinic} == set()


def test_every_permission_that_is_asked_for_has_words():
    flet = PROJECT["tool"]["flet"]
    asked = {name.rsplit(".", 1)[1] for name in flet["android"]["permission"]}
    assert {"BLUETOOTH_SCAN", "BLUETOOTH_CONNECT", "POST_NOTIFICATIONS"} <= asked
    assert "ACCESS_BACKGROUND_LOCATION" not in asked
    usage = {name: text for name, text in flet["ios"]["info"].items() if "Usage" in name}
    assert len(usage) == 3
    assert all(len(text) >= 8 for text in usage.values())
