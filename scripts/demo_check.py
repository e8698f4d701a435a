"""``scripts/demo --check``: walk the whole loop unattended and print every step's delay.

Physician and nurse are driven over HTTP exactly as their pages do it, the patient through
the app's own `Phone`. Anything that does not happen in time ends the check with 1.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import demo_ward
import httpx
import numpy as np
from sqlmodel import select

from app.headless import read_config
from app.phone import Phone, utc_now
from app.settings import Settings as PhoneSettings
from app.virtual_room import VirtualRoom
from clinic_server.alarms.models import Alarm
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.recordings.models import Recording
from clinic_server.wire.care import AdviceReply

if TYPE_CHECKING:
    from demo import Demo

T = TypeVar("T")
ALARM_LIMIT_S = 5.0
"""p95 from the last needed sample to the physician's screen must stay below."""
RECORD_S = 45.0
"""How long the newly issued unit is worn before it comes back."""


class CheckFailed(Exception):
    """A step did not happen."""


class Steps:
    """Prints steps with their delays."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def say(self, name: str, delay_s: float | None = None) -> None:
        """Print one step that happened."""
        delay = "" if delay_s is None else f"{delay_s:8.2f} s"
        print(f"  [{time.monotonic() - self._start:6.1f} s] {name:58s}{delay}", flush=True)

    def until(self, name: str, seconds: float, look: Callable[[], T | None]) -> T:
        """Wait for something; print how long it took."""
        began = time.monotonic()
        while True:
            found = look()
            if found is not None:
                self.say(name, time.monotonic() - began)
                return found
            if time.monotonic() - began > seconds:
                raise CheckFailed(f"{name}: not within {seconds:.0f} s")
            time.sleep(0.1)


class Person:
    """Somebody of the clinic with a browser.

    Parameters
    ----------
    base_url : str
    account : demo_ward.SignIn
    """

    def __init__(self, base_url: str, account: demo_ward.SignIn) -> None:
        self.password = account.password
        self.http = httpx.Client(base_url=base_url, timeout=30, follow_redirects=True)
        answer = self.http.post(
            "/sign-in", data={"username": account.username, "password": account.password}
        )
        if answer.status_code != 200:
            raise CheckFailed(f"{account.username} cannot sign in: {answer.status_code}")
        self.http.headers["X-CSRF"] = self.http.get("/account").json()["csrf"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Do something; a refusal ends the check."""
        answer = self.http.post(path, json=body)
        if answer.status_code >= 400:
            raise CheckFailed(f"{path}: {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.content else None


class Screen(threading.Thread):
    """The physician's event stream: when each alarm's card arrived.

    Parameters
    ----------
    person : Person
    """

    def __init__(self, person: Person) -> None:
        super().__init__(daemon=True)
        self._http = person.http
        self.cards: dict[int, dict[str, Any]] = {}
        self.seen_at: dict[int, datetime] = {}
        self._last_id = 0

    def run(self) -> None:
        """Read until the process ends; take the line up again as a page would."""
        while True:
            try:
                self._read()
            except httpx.HTTPError:
                time.sleep(2)

    def _read(self) -> None:
        where = {"after": self._last_id}
        path = "/console/stream"
        with self._http.stream("GET", path, params=where, timeout=None) as line:
            event = ""
            for text in line.iter_lines():
                if text.startswith("event:"):
                    event = text[6:].strip()
                elif text.startswith("data:") and event == "alarms":
                    self._take(json.loads(text[5:]), datetime.now(UTC))

    def _take(self, news: dict[str, Any], now: datetime) -> None:
        self._last_id = news["last_id"]
        for card in news["cards"]:
            self.cards[card["id"]] = card
            self.seen_at.setdefault(card["id"], now)


class Wearer(threading.Thread):
    """A patient with the app: `Phone` on an event loop of its own.

    Parameters
    ----------
    entry : dict
        One phone of ``phones.json``.
    folder : Path
        Data of this phone.
    server_url : str
    """

    def __init__(self, entry: dict[str, Any], folder: Path, server_url: str) -> None:
        super().__init__(daemon=True)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{entry['id']}.json"
        file.write_text(json.dumps({"phones": [entry]}))
        settings = PhoneSettings(server_url=server_url, data_dir=folder)
        (config,) = read_config(file)
        self.phone = Phone(
            config, settings, VirtualRoom(utc_now), utc_now, np.random.default_rng()
        )
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        """Live until the process ends."""
        self._loop.run_until_complete(self.phone.run())

    def call(self, work: Callable[[], T]) -> T:
        """Do something as the screen would: on the phone's own loop."""

        async def there() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    def ask(self, work: Any) -> Any:
        """Await something on the phone's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def take_out(folder: Path) -> dict[str, Any]:
    """Take the first phone out of the host's list: the check holds it in its own hand."""
    file = folder / "phones.json"
    table = json.loads(file.read_text())
    entry: dict[str, Any] = table["phones"].pop(0)
    file.write_text(json.dumps(table, ensure_ascii=False))
    return entry


def run(demo: "Demo", entry: dict[str, Any], replayed: bool) -> bool:
    """Walk the loop.

    Parameters
    ----------
    demo : Demo
        Running, without the phone of ``entry``.
    entry : dict
        The first patient's phone.
    replayed : bool
        A real record is on the second patient's chest: its alarm must come too.

    Returns
    -------
    bool
        Whether every step happened in time.
    """
    steps = Steps()
    try:
        _walk(demo, entry, replayed, steps)
    except (CheckFailed, httpx.HTTPError) as error:
        print(f"  FAILED: {error}")
        return False
    print("  every step happened")
    return True


def _walk(demo: "Demo", entry: dict[str, Any], replayed: bool, steps: Steps) -> None:
    base = demo.settings.base_url
    accounts = demo_ward.read_sign_ins(demo.folder)
    physician, nurse = Person(base, accounts["zhang"]), Person(base, accounts["chen"])
    screen = Screen(physician)
    screen.start()
    steps.say("physician and nurse have signed in")
    wearer = Wearer(entry, demo.folder / "hand", base)
    wearer.start()
    steps.until(
        "the patient's phone is paired and samples arrive", 60,
        lambda: wearer.phone.view().sent_until,
    )  # fmt: skip
    _answer_an_alarm(physician, screen, wearer, entry, steps)
    if replayed:
        name = json.loads((demo.folder / "phones.json").read_text())["phones"][0]["name"]
        steps.until(
            "an alarm of the replayed record is on the screen", 600,
            lambda: next((c for c in screen.cards.values() if c["who"].startswith(name)
                          and not c["technical"]), None),
        )  # fmt: skip
    _loan_and_report(demo, physician, nurse, steps)
    _delays(demo, screen, steps)


def _answer_an_alarm(
    physician: Person,
    screen: Screen,
    wearer: Wearer,
    entry: dict[str, Any],
    steps: Steps,
) -> None:
    card = steps.until(
        "an Emergency alarm is on the physician's screen", 150,
        lambda: next((c for c in list(screen.cards.values())
                      if c["tier"] == "high" and c["who"].startswith(entry["name"])), None),
    )  # fmt: skip
    alarm = f"/console/alarms/{card['id']}"
    physician.post(f"{alarm}/acknowledge", {})
    steps.until(
        "the acknowledgement is on the screen", 10,
        lambda: screen.cards[card["id"]]["ack"],
    )  # fmt: skip
    text = "请现在去最近的急诊，不要自己开车。"
    answer = physician.post(
        f"{alarm}/decide", {"opinion": "emergency_now", "within_days": None, "text": text}
    )
    advice_id = answer["advice"]["id"]
    steps.until(
        "the answer is in the patient's inbox", 20,
        lambda: next((a for a in wearer.phone.view().inbox if a.id == advice_id), None),
    )  # fmt: skip
    wearer.call(lambda: wearer.phone.care.read(advice_id, AdviceReply(reply="understood")))
    wearer.call(wearer.phone.hurry)
    steps.until(
        "the physician sees that the patient has read it", 20,
        lambda: screen.cards[card["id"]]["read_ms"],
    )  # fmt: skip
    physician.post(f"{alarm}/adjudicate", {"finding": "true"})
    physician.post(f"{alarm}/critical-value", {"told": "王建国", "read_back": True})
    physician.post(f"{alarm}/close", {"outcome": "emergency", "patient_reached": True})
    steps.say("the alarm is adjudicated and closed")


def _loan_and_report(demo: "Demo", physician: Person, nurse: Person, steps: Steps) -> None:
    base = demo.settings.base_url
    with _database(demo) as db, db.read() as session:
        nobody = demo_ward.patient_without_unit(session)
        serial = demo_ward.free_serial(session)
    issued = nurse.post(
        "/desk/issue",
        {
            "serial": serial,
            "patient_id": nobody.id,
            "due_on": (date.today() + timedelta(days=14)).isoformat(),  # noqa: DTZ011
            "parts": [
                {"name": "charger"},
                {"name": "card"},
                {"name": "electrodes", "count": 30, "lot": "DEMO-1"},
            ],
            "terms_signed": True,
        },
    )
    steps.say(f"the nurse has issued {serial} to {nobody.name}")
    newcomer = Wearer(
        {
            "id": "newcomer",
            "name": nobody.name,
            "code": issued["code"],
            "patch": {"heart": "sinus_calm", "seed": 7, "radio": demo.radio},
        },
        demo.folder / "hand",
        base,
    )
    newcomer.start()
    steps.until(
        "the new phone is paired by the code and samples arrive", 60,
        lambda: newcomer.phone.view().sent_until,
    )  # fmt: skip
    plan = physician.post(
        f"/console/patients/{nobody.id}/plan",
        {"template": "after_pci", "starts_on": date.today().isoformat()},  # noqa: DTZ011
    )
    steps.until(
        f"the plan of {plan['tasks']} tasks is on the phone", 20,
        lambda: newcomer.phone.view().tasks or None,
    )  # fmt: skip
    _family(newcomer, steps)
    steps.until(
        "the new patient has recorded long enough", RECORD_S + 60,
        lambda: newcomer.phone.view().end_sample > RECORD_S * 250 or None,
    )  # fmt: skip
    nurse.post(f"/desk/issues/{issued['issue_id']}/return", {"condition": "good"})
    phone = newcomer.phone
    steps.until(
        "the unit is returned, the phone's token is dead", 30,
        lambda: phone.view().revoked or phone.loan.ended,
    )  # fmt: skip
    if phone.loan.ended is None:
        # what was measured around the scan waits for ever: the wearer lets it go
        newcomer.ask(phone.wipe())
    steps.until("the phone has erased itself", 10, lambda: phone.view().returned or None)
    report_id = steps.until(
        "the recording is analysed: a draft report is there", 120,
        lambda: _report_of(demo, nobody.id),
    )  # fmt: skip
    for language in ("zh_CN", "en"):
        began = time.monotonic()
        printed = physician.http.get(
            f"/console/reports/{report_id}.pdf", params={"lang": language}
        )
        if printed.status_code != 200 or printed.content[:5] != b"%PDF-":
            raise CheckFailed(f"no PDF: {printed.status_code}")
        steps.say(f"the report is printed ({language})", time.monotonic() - began)
    signed = physician.post(
        f"/console/reports/{report_id}/sign",
        {"password": physician.password, "patient_text": "您的心电我看过了。"},
    )
    steps.say(f"the report is signed, {signed['sha256'][:16]}…")


def _family(newcomer: Wearer, steps: Steps) -> None:
    link = newcomer.ask(newcomer.phone.care.invite("您的母亲", 2, 30))
    relative = httpx.Client(
        timeout=10, follow_redirects=True, headers={"accept-language": "zh"}
    )
    opened = relative.get(link.url)
    if opened.status_code != 200 or "佩戴中" not in opened.text:
        raise CheckFailed(f"the family page says nothing: {opened.status_code}")
    if link.url.rsplit("/", 1)[-1] in str(opened.url):
        raise CheckFailed("the token stays in the address bar")
    steps.say("the family page says that the patch is worn, and how old the data are")
    newcomer.ask(newcomer.phone.care.uninvite(link.id))
    began = time.monotonic()
    again = relative.get(opened.url)
    delay = time.monotonic() - began
    if again.status_code != 404 or delay > 1:
        raise CheckFailed(f"a revoked family page still answers: {again.status_code}")
    steps.say("the revoked family page is dead", delay)


@contextmanager
def _database(demo: "Demo") -> Iterator[Database]:
    db = Database(demo.settings.url, Bus())
    try:
        yield db
    finally:
        db.close()


def _report_of(demo: "Demo", patient_id: int) -> int | None:
    with _database(demo) as db, db.read() as session:
        return demo_ward.newest_report(session, patient_id)


def _delays(demo: "Demo", screen: Screen, steps: Steps) -> None:
    """Print the delay from the last needed sample to the screen, over all alarms."""
    delays = []
    with _database(demo) as db, db.read() as session:
        for alarm, recording in session.exec(
            select(Alarm, Recording).where(Alarm.recording_id == Recording.id)
        ):
            needed = alarm.evidence.get("decided_sample")
            if (
                needed is None
                or alarm.id not in screen.seen_at
                or "late_s" in alarm.evidence
            ):
                continue
            at = recording.started_at + timedelta(seconds=needed / recording.fs_hz)
            delays.append((screen.seen_at[alarm.id] - at).total_seconds())
    if not delays:
        raise CheckFailed("no alarm to measure")
    p50, p95 = np.percentile(delays, [50, 95])
    steps.say(
        f"last needed sample to screen, {len(delays)} alarms: p50 {p50:.2f} s, p95",
        float(p95),
    )
    if p95 > ALARM_LIMIT_S:
        raise CheckFailed(f"p95 {p95:.2f} s is above {ALARM_LIMIT_S:.0f} s")
