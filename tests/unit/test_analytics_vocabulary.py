"""The vocabulary page says what the code says."""

import subprocess
import sys
from pathlib import Path

from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_vocabulary_page_is_current():
    command = [sys.executable, str(ROOT / "scripts" / "vocabulary.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_holds_every_code():
    page = (ROOT / "docs" / "vocabulary.md").read_text(encoding="utf-8")
    for codes in (Aami, Rhythm, Grade, NoiseCause):
        for code in codes:
            assert f"| `{code.value}` | {code.name} |" in page
