"""A served clinic with patients who send ECG, and a browser to look at it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from clinic_server.alarms import service as alarms
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.models import AlarmKind, Tier
from clinic_server.analysis.models import AnalysisCursor
from clinic_server.db import Database, ring_after_commit
from clinic_server.devices.models import Issue
from clinic_server.main import create_app
from clinic_server.migrations import run as migrations
from clinic_server.recordings import service as recordings
from clinic_server.recordings import store
from clinic_server.recordings.models import Recording
from clinic_server.recordings.store import Incoming
from clinic_server.settings import Settings
from clinic_server.staff import service as staff_service
from clinic_server.wire.ecg import (
    RecordingCreate,
    SegmentHeader,
    encode_segment,
    sha256_hex,
)
from tests import factories as make

CHROMIUM = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FS = make.FS_HZ
GAIN = 200.0


@dataclass
class Ward:
    """One physician on duty and patients whose units send."""

    db: Database
    url: str
    physician_id: int
    patients: list[int] = field(default_factory=list)
    recordings: dict[int, str] = field(default_factory=dict)
    app: FastAPI | None = None

    def admit(self, name: str, *, sent_s: float | None = 4.0, **more: Any) -> int:
        """Admit a patient whose newest sample is ``sent_s`` old; None: no unit issued."""
        now = datetime.now(UTC)
        with self.db.write() as session:
            physician = staff_service.staff_by_id(session, self.physician_id)
            n = len(self.patients) + 1
            patient = make.make_patient(
                session,
                physician,
                f"C{n:04d}",
                now,
                name=name,
                phone="13900000000",
                procedure="PCI",
                procedure_on=date(2026, 11, 14),
                **more,
            )
            patient_id = patient.id or 0
            self.patients.append(patient_id)
            if sent_s is None:
                return patient_id
            issue_id, _ = make.issue_unit(session, physician, patient, f"AX-{n:04d}", now)
            issue = session.get_one(Issue, issue_id)
            issue.enrolled_at = now
            session.add(issue)
            rid = str(uuid4())
            self.recordings[patient_id] = rid
            seconds = 60
            create = RecordingCreate(
                serial=f"AX-{n:04d}",
                fs_hz=FS,
                lead_names=["II"],
                gain_counts_per_mv=GAIN,
                started_at=now - timedelta(seconds=seconds + sent_s),
            )
            recording = recordings.announce(
                session,
                rid,
                patient_id=patient_id,
                issue_id=issue_id,
                create=create,
                now=now,
            )
            self._send(session, recording, seconds, now)
        return patient_id

    def _send(
        self, session: Any, recording: Recording, seconds: int, now: datetime
    ) -> None:
        t = np.arange(seconds * int(FS)) / FS
        beat = np.exp(-(((t % 0.8) - 0.4) ** 2) / 0.0004)
        counts = np.round(GAIN * beat).astype(np.int32)[:, None]
        header = SegmentHeader(
            first_sample=recording.end_sample,
            n_samples=len(counts),
            n_leads=1,
            contact=True,
            phone_at=now,
            phone_mono_s=1.0,
        )
        body = encode_segment(header, counts)
        store.put(
            session,
            recording,
            Incoming(
                recording.id, recording.max_seq + 1, header, body, sha256_hex(body), now
            ),
        )
        # the live analysis has kept up: what the wall reads of it
        session.merge(
            AnalysisCursor(
                recording_id=recording.id,
                sample=recording.end_sample,
                algorithm="test",
                updated_at=now,
                heart_rate_bpm=75.0,
                heart_rate_sample=recording.end_sample - 100,
                rhythm="N",
                grade="A",
            )
        )
        ring_after_commit(session, "samples")

    def send(self, patient_id: int, seconds: int) -> None:
        """Send more of one patient's ECG."""
        with self.db.write() as session:
            recording = session.get_one(Recording, self.recordings[patient_id])
            self._send(session, recording, seconds, datetime.now(UTC))

    def raise_vt(self, patient_id: int, onset_s: float = 40.0) -> int:
        """Raise a VT alarm; give its number."""
        now = datetime.now(UTC)
        onset = round(onset_s * FS)
        candidate = Candidate(
            phase="raised",
            rule="E2",
            tier=Tier.EMERGENCY,
            kind=AlarmKind.PHYSIOLOGICAL,
            code="alarms.vt",
            onset_sample=onset,
            decided_sample=onset + round(4 * FS),
            offset_sample=onset + round(4 * FS),
            latching=True,
            params={"beats": 12, "rate_bpm": 159},
            evidence={"wide": 0.92, "contact": 1.0},
        )
        with self.db.write() as session:
            recording = session.get_one(Recording, self.recordings[patient_id])
            alarm = alarms.raise_(session, candidate, recording, now, now)
            assert alarm is not None
            return alarm.id or 0

    def raise_plain(self, patient_id: int, n: int) -> int:
        """Raise one urgent alarm of its own; 0 when it joined another card."""
        now = datetime.now(UTC)
        with self.db.write() as session:
            alarm = alarms.raise_condition(
                session,
                rule_id="U12",
                code="alarms.brady",
                dedupe_key=f"plain:{patient_id}:{n}",
                patient_id=patient_id,
                onset_at=now,
                now=now,
                params={"rate_bpm": 38, "duration_s": 60},
            )
            return (alarm.id or 0) if alarm else 0


@contextmanager
def ward_in(folder: Path) -> Iterator[Ward]:
    """Serve a clinic on a free port with the real clock, nothing running by itself."""
    settings = Settings(data_dir=folder, clinic_phone="8021")
    app = create_app(settings, background=False)
    migrations.upgrade(app.state.clinic.db)
    config = uvicorn.Config(
        app, port=0, ws="none", log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="console-server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        db: Database = app.state.clinic.db
        now = datetime.now(UTC)
        with db.write() as session:
            zhang = make.make_staff(session, "zhang", now=now, name="张敏")
            wang = make.make_staff(session, "wang", now=now, name="王建国")
            for step, person in ((1, zhang), (2, wang)):
                staff_service.set_duty(
                    session,
                    staff_id=person.id or 0,
                    step=step,
                    starts_at=now - timedelta(hours=1),
                    ends_at=now + timedelta(hours=12),
                    now=now,
                )
        yield Ward(db, f"http://127.0.0.1:{port}", zhang.id or 0, app=app)
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Looker:
    """A browser window of one person, with everything it complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, username: str = "zhang", path: str = "/console") -> Page:
        """Sign in on the page, as a person does who was on the way to ``path``."""
        self.page.goto(f"{self.url}/sign-in?next={path}")
        self.page.fill("[name=username]", username)
        self.page.fill("[name=password]", make.PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(f"**{path}")
        return self.page


def look(
    browser: Browser,
    ward: Ward,
    *,
    locale: str = "zh_CN",
    theme: str = "light",
    width: int = 1440,
    height: int = 900,
) -> tuple[BrowserContext, Looker]:
    """Open a window; a request that leaves the machine is a complaint."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, timezone_id="Asia/Shanghai"
    )
    context.add_cookies(
        [
            {"name": "lang", "value": locale, "url": ward.url},
            {"name": "theme", "value": theme, "url": ward.url},
        ]
    )
    page = context.new_page()
    looker = Looker(page, ward.url)
    page.on("pageerror", lambda error: looker.complaints.append(f"script: {error}"))
    page.on(
        "console",
        lambda message: (
            looker.complaints.append(f"{message.type}: {message.text}")
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            looker.complaints.append(f"left the machine: {request.url}")
            if not request.url.startswith((ward.url, "data:"))
            else None
        ),
    )
    return context, looker


def fits(page: Page) -> None:
    """Nothing is clipped and nothing reaches over the edge."""
    assert page.evaluate(CLIPPED) == []


def launch(playwright: Playwright) -> Browser:
    """Start Debian's Chromium, allowed to sound without a touch."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*ARGS, "--autoplay-policy=no-user-gesture-required"],
    )


CLIPPED = """() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`sideways ${root.scrollWidth}`);
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, canvas, .visually-hidden, .table-wrap")) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = element;
    const x = style.overflowX === "hidden" && scrollWidth > clientWidth + 1;
    const y = style.overflowY === "hidden" && scrollHeight > clientHeight + 2;
    const text = element.textContent.trim().slice(0, 60);
    if (x || y) found.push(`${element.className}: ${text}`);
  }
  return found;
}"""
"""Text that does not fit where it stands, or a page that scrolls sideways."""
