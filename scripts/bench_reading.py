"""Measure the reading workstation on a day of real beats, in Chromium.

Run: ``scripts/bench reading [--data DIR] [--hours 24] [--openings 6] [--edits 5]``.
MIT-BIH records one after the other are imported as one recording; the server, a process
of its own with all its ticks, analyses it as it analyses any other. Then a technician
opens the page and changes beats by key. Needs the recordings and a Chromium.
"""

import argparse
import json
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from bench_analytics import DAY_FS, day_recording
from bench_clinic import serving
from playwright.sync_api import Page, sync_playwright

from clinic_server.importer import import_record
from clinic_server.main import create_app
from clinic_server.migrations import run as migrations
from clinic_server.patients import service as patients
from clinic_server.patients.service import Admission
from clinic_server.settings import Settings
from clinic_server.staff import service as staff
from clinic_server.staff.models import Role

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = secrets.token_urlsafe(16)
REPORT = "/console/reports/1"
LONGEST_WAIT_MS = 60_000


def seed(folder: Path, data: Path, hours: float) -> float:
    """Admit a patient, import the day; give the seconds that took."""
    db = create_app(Settings(data_dir=folder), background=False).state.clinic.db
    migrations.upgrade(db)
    now = datetime.now(UTC)
    with db.write() as session:
        doctor, _ = (
            staff.create_staff(
                session, username=name, name=name, role=role, password=PASSWORD, now=now
            )
            for name, role in (("doctor", Role.PHYSICIAN), ("reader", Role.TECHNICIAN))
        )
        admission = Admission(
            mrn="B0001", name="患者", sex="F", born_on=date(1950, 1, 1),
            attending_id=doctor.id or 0, phone="13900000000",
        )  # fmt: skip
        patients.admit(session, doctor, admission, now)
    ecg_mv = day_recording(data)[: int(hours * 3600 * DAY_FS)].astype(np.float64)
    wfdb.wrsamp(
        "day", fs=DAY_FS, units=["mV"], sig_name=["MLII"], p_signal=ecg_mv[:, None],
        fmt=["16"], write_dir=str(folder),
    )  # fmt: skip
    began = time.monotonic()
    import_record(db, folder / "day", "B0001", "Asia/Shanghai", now)
    db.close()
    return time.monotonic() - began


def opened_ms(page: Page, address: str) -> float:
    """Open the page; give the time until every picture was drawn."""
    page.goto(address)
    page.wait_for_selector("body[data-ready]", timeout=LONGEST_WAIT_MS)
    ready = "performance.getEntriesByName('reading-ready')[0].startTime"
    return float(page.evaluate(ready))


def edited_ms(page: Page, key: str) -> float:
    """Change the beat in view; give the time until all figures count it."""
    counted = page.evaluate("document.querySelector('#sign-facts').textContent")
    began = time.perf_counter()
    page.keyboard.press(key)
    page.wait_for_function(
        """(before) => document.querySelector('#sign-facts').textContent !== before
        && document.querySelector('#figures').ariaBusy === 'false'
        && document.querySelector('#sign-facts').textContent.includes('全部已存')""",
        arg=counted,
        timeout=LONGEST_WAIT_MS,
    )
    return 1000.0 * (time.perf_counter() - began)


def measure(base: str, openings: int, edits: int) -> dict[str, Any]:
    """Wait for the analysis, open the page some times, change some beats."""
    began = time.monotonic()
    with sync_playwright() as play:
        path = shutil.which("chromium")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": "lang", "value": "zh_CN", "url": base}])
        page = context.new_page()
        page.goto(f"{base}/sign-in?next=/console")
        page.fill("[name=username]", "reader")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/console*")
        while not page.request.get(f"{base}{REPORT}").ok:
            time.sleep(1.0)
        analysed_s = time.monotonic() - began
        address = f"{base}{REPORT}/reading"
        opening = [opened_ms(page, address)]
        began = time.perf_counter()
        page.wait_for_selector("#figures[aria-busy=false]", timeout=LONGEST_WAIT_MS)
        first_figures_ms = 1000.0 * (time.perf_counter() - began)
        opening += [opened_ms(page, address) for _ in range(openings - 1)]
        page.keyboard.press("Shift+V")
        editing = [edited_ms(page, "nv"[k % 2]) for k in range(edits)]
        beats = page.locator('[data-figure="beats"] b').inner_text()
        browser.close()
    return {
        "beats": beats,
        "analysed_s": round(analysed_s, 1),
        "first_figures_ms": round(first_figures_ms),
        "opening_ms": [round(t) for t in opening],
        "editing_ms": [round(t) for t in editing],
        "opening_median_ms": round(statistics.median(opening)),
        "editing_median_ms": round(statistics.median(editing)),
    }


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "ecg")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--openings", type=int, default=6)
    parser.add_argument("--edits", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        imported_s = seed(Path(name), options.data, options.hours)
        with serving(Settings(data_dir=Path(name)), ticks=True) as (base, _):
            figures = measure(base, options.openings, options.edits)
    line = {"imported_s": round(imported_s, 1), **figures}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
