"""Measure the promises about alarms at their full size; the suite holds a smaller one.

Run: ``scripts/bench alarms``: 200 kills with 1,000 open alarms, 1,000 alarms in 60 s in a
browser, 10,000 steps of a ward in a real database. About ten minutes on two cores.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    "tests/integration/test_alarms_kill.py",
    "tests/e2e/test_console_flood.py",
    "tests/property/test_alarms_ward.py",
)


def main() -> int:
    """Run them; each prints its figures.

    Returns
    -------
    int
        0 when every promise held.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "bench", *TESTS]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
