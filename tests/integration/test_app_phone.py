"""A phone through its whole loan: restarts, another code, a wrong clock, the return."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.patches import PatchSpec
from app.phone import Phone, PhoneConfig
from app.settings import Settings
from app.state import PhoneView, Status, status_of
from app.virtual_room import VirtualRoom
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices import service as devices
from clinic_server.main import create_app
from clinic_server.staff import service as staff
from clinic_server.wire.care import AdviceReply
from tests import factories as make
from tests.integration.conftest import migrate, served, settings_for

NAME = "欧阳守仁"


@dataclass
class Desk:
    """The clinic's side: a server on the wall clock, a loan and its code."""

    url: str
    db: Database
    issue_id: int
    code: str
    folder: Path

    def new_code(self) -> str:
        """Give the same loan another code, for a phone that was set up anew."""
        with self.db.write() as session:
            loan = devices.issue_by_id(session, self.issue_id)
            zhang = staff.staff_by_username(session, "zhang")
            assert zhang is not None
            return devices.new_code(session, loan, zhang, make.system_now(), 10)

    def take_back(self) -> bool:
        """Scan the unit at the desk."""
        with self.db.write() as session:
            zhang = staff.staff_by_username(session, "zhang")
            assert zhang is not None
            devices.return_(session, self.issue_id, zhang, "ok", make.system_now())
        return True

    def recordings(self) -> int:
        with self.db.read() as session:
            query = "SELECT count(*) FROM recording"
            return int(session.connection().exec_driver_sql(query).scalar_one())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "clinic"
    folder.mkdir()
    migrate(f"sqlite:///{folder / 'anxin.sqlite'}")
    settings = settings_for(folder)
    db, now = Database(settings.url, Bus()), make.system_now()
    with db.write() as session:
        doctor = make.make_staff(session, now=now)
        patient = make.make_patient(session, doctor, now=now, name=NAME)
        issue_id, code = make.issue_unit(session, doctor, patient, "AX-0001", now=now)
    with served(create_app(settings, background=False)) as url:
        yield Desk(url, db, issue_id, code, tmp_path / "phones")
    db.close()


def a_phone(desk: Desk, code: str | None = None, off: timedelta = timedelta(0)) -> Phone:
    def clock() -> datetime:
        return datetime.now(UTC) + off

    patch = PatchSpec(heart="sinus_calm", seed=1)
    settings = Settings(
        server_url=desk.url, data_dir=desk.folder, segment_s=0.5, poll_s=0.2, report_s=1
    )
    config = PhoneConfig(id="p1", name="p1", patch=patch, code=code)
    return Phone(config, settings, VirtualRoom(clock), clock, np.random.default_rng(1))


def live(phone: Phone, *steps: Callable[[], Any]) -> PhoneView:
    """Run a phone step by step, then let it die; return what it showed last.

    A step is asked until it is true; one that gives something to await is awaited once.
    """

    async def go() -> PhoneView:
        running = asyncio.create_task(phone.run())
        try:
            async with asyncio.timeout(60):
                for step in steps:
                    await _pass(step, running)
            return phone.view()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await phone.close()

    return asyncio.run(go())


async def _pass(step: Callable[[], Any], running: asyncio.Task[None]) -> None:
    for _ in range(2000):
        reached = step()
        if isinstance(reached, Awaitable):
            await reached
            return
        if reached:
            return
        assert not running.done(), running
        await asyncio.sleep(0.03)
    raise AssertionError("a step was not reached")


def sent(phone: Phone) -> Callable[[], bool]:
    return lambda: phone.view().sent_until is not None and phone.view().waiting <= 2


def bytes_of(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file())


def test_another_code_for_the_same_loan_goes_on_with_the_same_recording(desk: Desk) -> None:
    first = a_phone(desk, desk.code)
    live(first, sent(first))
    again = a_phone(desk, desk.new_code())
    token = again.api.token
    live(again, lambda: again.api.token not in (None, token), sent(again))
    assert desk.recordings() == 1


def test_a_phone_that_lost_everything_goes_on_beside_what_was_kept(desk: Desk) -> None:
    first = a_phone(desk, desk.code)
    live(first, sent(first))
    desk.folder = desk.folder.parent / "new phone"
    again = a_phone(desk, desk.new_code())
    live(again, sent(again))
    assert desk.recordings() == 2, "the first one stays at the clinic"


def test_after_the_return_nothing_of_the_wearer_is_left_on_the_phone(desk: Desk) -> None:
    phone = a_phone(desk, desk.code)
    live(phone, sent(phone), lambda: phone.care.home)
    token = phone.loan.token
    assert token is not None
    held = bytes_of(desk.folder)
    for trace in (token, "AX-0001", NAME.encode("unicode_escape").decode()):
        assert trace.encode() in held, trace
    phone = a_phone(desk)

    def erase() -> Any:
        # what was measured around the scan may wait for ever: then the wearer decides
        if phone.loan.ended is None:
            assert status_of(phone.view()) is Status.RETURNED
            return phone.wipe()
        return True

    view = live(
        phone,
        sent(phone),
        desk.take_back,
        lambda: phone.view().revoked or phone.loan.ended,
        erase,
        lambda: asyncio.sleep(0.6),
    )
    assert (status_of(view), view.enrolled, view.waiting) == (Status.RETURNED, False, 0)
    left = bytes_of(desk.folder)
    for trace in (token, "AX-0001", NAME.encode("unicode_escape").decode(), "patient_name"):
        assert trace.encode() not in left, trace
    assert len(left) < 120_000, "no ECG is left in the files"
    assert live(a_phone(desk)).returned, "that it was returned is remembered"


def test_with_nothing_left_to_send_a_return_erases_by_itself(desk: Desk) -> None:
    phone = a_phone(desk, desk.code)
    live(phone, sent(phone))
    desk.take_back()
    phone = a_phone(desk)
    phone.spool.erase()  # as if all had arrived
    view = live(phone, lambda: phone.loan.ended)
    assert (view.enrolled, view.returned) == (False, True)


def test_a_full_phone_says_so_and_goes_on_when_there_is_room(desk: Desk) -> None:
    phone = a_phone(desk, desk.code)
    room = phone.spool._quota_bytes

    def fill(quota_bytes: int) -> bool:
        phone.spool._quota_bytes = quota_bytes
        return True

    live(
        phone,
        sent(phone),
        lambda: fill(0),
        lambda: status_of(phone.view()) is Status.NO_ROOM,
        lambda: fill(room),
        lambda: status_of(phone.view()) is not Status.NO_ROOM,
        sent(phone),
    )


def test_a_full_disk_stops_no_call_for_help_and_is_said(desk: Desk) -> None:
    phone = a_phone(desk, desk.code)

    def let(most_pages: int) -> bool:
        for db in (phone.spool._db, phone.notebook._db):
            db.execute(f"PRAGMA max_page_count={most_pages}")  # never less than is used
        return True

    def line(up: bool) -> bool:
        phone.set_network(up)
        return True

    def press() -> bool:
        phone.press_sos()
        return True

    def arrived() -> bool:
        with desk.db.read() as session:
            query = "SELECT count(*) FROM alarm WHERE code='alarms.sos'"
            return int(session.connection().exec_driver_sql(query).scalar_one()) == 1

    live(
        phone,
        sent(phone),
        lambda: let(1) and line(False),
        lambda: status_of(phone.view()) is Status.NO_ROOM,
        press,
        lambda: line(True),
        arrived,
        lambda: let(1_000_000),
        lambda: status_of(phone.view()) is not Status.NO_ROOM,
        sent(phone),
    )
    assert arrived(), "one call, not one for each try"


@pytest.mark.parametrize("off", [timedelta(hours=-9), timedelta(hours=30)])
def test_a_wrong_clock_is_seen_and_what_is_said_has_the_right_time(
    desk: Desk, off: timedelta
) -> None:
    phone = a_phone(desk, desk.code, off)
    view = live(phone, lambda: phone.view().clock_off)
    assert abs(view.clock_off + off) < timedelta(seconds=5)
    assert abs(phone.care.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_right_clock_is_not_spoken_of(desk: Desk) -> None:
    phone = a_phone(desk, desk.code, timedelta(seconds=20))
    view = live(phone, lambda: phone.care.asked_at)
    assert view.clock_off == timedelta(0)


def test_what_was_said_survives_a_kill_and_is_sent_by_the_next_life(desk: Desk) -> None:
    phone = a_phone(desk, desk.code)
    live(phone, lambda: phone.care.home)
    phone = a_phone(desk)
    phone.care.helper.begin("女儿", phone.care.now())
    phone.press_sos()
    phone.care.read(1, AdviceReply(reply="understood"))
    asyncio.run(phone.close())
    phone = a_phone(desk)
    assert [m.kind for m in phone.notebook.messages()] == ["sos", "help", "read", "help"]
    live(phone, lambda: not phone.notebook.messages())
    with desk.db.read() as session:
        query = "SELECT count(*) FROM alarm WHERE rule='E10'"
        assert session.connection().exec_driver_sql(query).scalar_one() == 1
