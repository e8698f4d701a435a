"""One wearer's phone without a screen: patch, spool, way to the clinic, messages.

Screens read `Phone.view` and call its verbs; `anxin phone` runs many of them.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from app.attendant import Attendant
from app.care import Care
from app.clinic_api import ClinicApi, Line, Transport
from app.errors import AppError, NotEnrolled, ServerRefused
from app.loan import Loan
from app.monitor import Monitor
from app.notebook import Notebook
from app.patches import Found, Surroundings, read_code
from app.phone_config import PhoneConfig as PhoneConfig
from app.ports import Device, FileSecrets, NoDevice
from app.repeater import Repeater
from app.reporter import Reporter
from app.settings import VERSION, Settings
from app.spool import Spool
from app.state import PhoneView
from app.uplink import Uplink
from clinic_server.wire.care import Contact, PhoneReport, Place
from clinic_server.wire.consent import Purpose
from clinic_server.wire.enrolment import EnrolRequest, EnrolResponse, IssuedUnit
from clinic_server.wire.trace import HelperAct
from sensors.errors import SensorError
from sensors.makes import parse_box_code

_LOG = logging.getLogger(__name__)
RECONNECT_S = 2.0
REFUSED_S = 30.0
LOAN_ENDED = "devices.loan_ended"


class Phone:
    """Everything one wearer's phone does.

    Parameters
    ----------
    config : PhoneConfig
        Whose it is and what is worn.
    settings : Settings
        Of the process.
    room : Surroundings
        Where patches answer.
    clock : callable
        Now, aware UTC.
    rng : numpy.random.Generator
        Jitter of the uplink.
    transport : Transport, optional
        For tests: carries requests instead of the network.
    """

    def __init__(
        self,
        config: PhoneConfig,
        settings: Settings,
        room: Surroundings,
        clock: Callable[[], datetime],
        rng: np.random.Generator,
        transport: Transport | None = None,
    ) -> None:
        self.config = config
        self._settings = settings
        self.minute_s = settings.minute_s
        self._room = room
        self._clock = clock
        folder = settings.data_dir / config.id
        self.device: Device = NoDevice()
        """What this device can do; whoever opens a screen puts its own here."""
        self.notebook = Notebook(folder / "notebook.sqlite")
        self.loan = Loan(self.notebook, FileSecrets(folder / "secrets.json"))
        self.spool = Spool(folder / "spool.sqlite", settings.spool_quota_mb * 2**20)
        self.line = Line()
        self.api = ClinicApi(
            settings.server_url, settings.request_timeout_s, self.line, transport
        )
        self.api.locale = self.locale.replace("_", "-")
        self._rng = rng
        self.uplink = self._new_uplink()
        zone = ZoneInfo(settings.time_zone)
        self.care = Care(self.notebook, self.spool, self.api, clock, zone)
        self.monitor = self._new_monitor()
        self.attendant = Attendant(self, self.care.rings, self.local)
        self.care.rehab.cue = self.attendant.cue
        self.enrol_error: str | None = None
        self.faults = 0
        """How often a mistake of the program stopped this phone."""
        self.reporter = Reporter(settings.report_s)
        self._poller = Repeater(settings.poll_s)
        self._pairing = asyncio.Event()
        self._pair_again = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._asides: set[asyncio.Task[object]] = set()
        self._restore()

    def _new_uplink(self) -> Uplink:
        return Uplink(
            self.spool, self.api, self._rng, self._clock, self._settings.in_flight
        )

    def _new_monitor(self) -> Monitor:
        return Monitor(
            self.spool,
            clock=self._clock,
            mono_s=time.monotonic,
            segment_s=self._settings.segment_s,
            max_s=self._settings.recording_max_h * 3600,
            on_change=self._changed,
        )

    # -- memory --------------------------------------------------------------------

    def _restore(self) -> None:
        """Take up what was known before the restart."""
        config = self.config
        if config.token is not None:
            self.loan.adopt(config.token, config.unit)
        if config.box_code is not None:
            self.loan.patch_code = parse_box_code(config.box_code).code
        self.api.token = self.loan.token
        unit = self.loan.unit
        if unit is not None:
            self._put_on(unit.serial)
            if config.pair or self.notebook.get("paired"):
                self._pairing.set()

    @property
    def unit(self) -> IssuedUnit | None:
        """The unit that was issued with this phone's loan."""
        return self.loan.unit

    @property
    def locale(self) -> str:
        """Language the wearer chose."""
        chosen: str = self.notebook.get("locale", self._settings.locale)
        return chosen

    @property
    def patient_name(self) -> str:
        """Name as the clinic knows it, or the phone's label."""
        return self.loan.patient_name or self.config.name

    # -- the wearer's verbs --------------------------------------------------------

    async def enrol(self, code: str) -> EnrolResponse:
        """Become the phone of a loan.

        Raises
        ------
        Offline, ServerRefused
            Nothing changed.
        """
        answer = await self.api.enrol(
            EnrolRequest(
                code=code,
                phone_name=self.config.name,
                app_version=VERSION,
                locale=self.locale,
            )
        )
        if self.loan.issue_id not in (None, answer.issue_id):
            self.care.forget()
            self.spool.end_all()
        self.loan.take(answer, code)
        self.api.token = answer.token
        self.uplink.revoked = False
        self.enrol_error = None
        self._put_on(answer.unit.serial)
        if self.config.pair:
            self._pairing.set()
        self._poller.nudge()
        return answer

    async def scan(self) -> list[Found]:
        """List the patches that answer; see `Surroundings.scan`."""
        return await self._room.scan()

    async def pair(self, serial: str, box_code: str = "") -> bool:
        """Use a patch; any but the issued one is refused and False comes back.

        Parameters
        ----------
        serial : str
            As the scan found it.
        box_code : str
            The code on the box, typed, or the whole text of its QR code; empty for makes
            without one. The reason of a refusal is `PatchState.refused`.
        """
        unit = self.loan.unit
        if unit is None:
            raise NotEnrolled
        try:
            code = read_code(unit, serial, box_code)
        except SensorError as error:
            self.monitor.patch.refused = error.code
            return False
        if code:
            self.loan.patch_code = code
        self.monitor.patch.refused = None
        self.notebook.put("paired", True)
        self._pairing.set()
        self._pair_again.set()
        return True

    def _put_on(self, serial: str) -> None:
        """Wear the virtual patch: it is on the chest as soon as it is issued."""
        if self.config.patch is not None:
            self._room.wear(serial, self.config.patch)

    @property
    def paired(self) -> bool:
        """A patch was chosen."""
        return self._pairing.is_set()

    def press_sos(self) -> None:
        """Ask for help: keep the ECG, queue the call, try at once; then say where."""
        ring, recorder = self.monitor.ring, self.monitor.recorder
        rid = recorder.rid if recorder else None
        has_ecg = ring is not None and rid is not None and ring.end_sample > 0
        self.care.sos.press(
            self.care.now(),
            rid if has_ecg else None,
            ring.end_sample if ring and has_ecg else None,
            ring.fs_hz if ring and has_ecg else None,
        )
        self.care.helper.note(HelperAct.SOS, self.care.now())
        self.hurry()
        if self.care.consents.granted(Purpose.LOCATION):
            self.aside(self._say_where())

    async def _say_where(self) -> None:
        """Send the place after the call: finding it may take longer than help can wait."""
        place = await self.device.locate()
        if isinstance(place, Place):
            self.care.sos.place(place)
            self.hurry()

    def aside(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something that nobody waits for; it is held until it ends."""
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    def hurry(self) -> None:
        """Try everything that waits now."""
        self.uplink.hurry()
        self._poller.nudge()

    def set_network(self, up: bool) -> None:
        """Cut or mend the line, as the demo and the tests do."""
        self.line.up = up
        if up:
            self.hurry()

    def set_locale(self, locale: str) -> None:
        """Choose the language; it is remembered."""
        self.notebook.put("locale", locale)
        self.api.locale = locale.replace("_", "-")

    async def wipe(self) -> None:
        """Erase what this phone holds of a loan that ended: ECG, messages, token."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        self._pairing.clear()
        self.api.token = None
        self.care.forget()
        day = self.care.now().astimezone(self.care.zone).date().isoformat()
        await asyncio.to_thread(self.spool.erase)
        await asyncio.to_thread(self.loan.erase, day)
        self.uplink, self.monitor = self._new_uplink(), self._new_monitor()

    # -- running -------------------------------------------------------------------

    async def run(self) -> None:
        """Do everything until cancelled."""
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._wear())
            jobs.create_task(self._poller.run(self._poll, self._refused))
            jobs.create_task(self.reporter.run(self._send_report))
            jobs.create_task(self._upload())
            jobs.create_task(self.attendant.run())

    async def close(self) -> None:
        """Close connections and files; `run` must be over."""
        await self.api.close()
        self.spool.close()
        self.notebook.close()

    async def _wear(self) -> None:
        """Listen to the patch for as long as there is one."""
        while True:
            await self._pairing.wait()
            unit = self.loan.unit
            if unit is not None and not self.uplink.revoked:
                self._pair_again.clear()
                try:
                    await self._listen(unit)
                except (SensorError, AppError) as error:
                    _LOG.warning("patch of %s: %s", self.config.id, error)
                    self.monitor.patch.refused = getattr(error, "code", "app.error")
            # a patch locks itself after wrong codes: wait for another one
            refused = self.monitor.patch.refused is not None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFUSED_S if refused else RECONNECT_S):
                    await self._pair_again.wait()

    async def _listen(self, unit: IssuedUnit) -> None:
        """Listen in a task of its own, which `wipe` ends while this one goes on."""
        patch = self._room.open(unit.serial, unit, self.loan.patch_code)
        speed = self.config.patch.speed if self.config.patch else 1.0
        listening = asyncio.create_task(self.monitor.run(patch, unit.serial, speed))
        self._listening = listening
        try:
            await asyncio.wait([listening])
        finally:
            listening.cancel()
            self._listening = None
        if not listening.cancelled():
            listening.result()

    async def _upload(self) -> None:
        while True:
            if self.api.token is not None and not self.uplink.revoked:
                await self.uplink.run()
            await asyncio.sleep(1.0)

    async def _refused(self, refusal: ServerRefused) -> None:
        """Stop once the token is worth nothing. After a return nothing stays here."""
        if not refusal.revoked or self.api.token is None:
            return
        self.uplink.revoked = True
        waiting = self.spool.backlog()
        all_arrived = waiting.segments + waiting.set_aside == 0
        if refusal.problem.code == LOAN_ENDED and all_arrived:
            await self.wipe()

    async def _poll(self) -> None:
        """Enrol if there is a code, send what waits, then ask how things are."""
        code = self.config.code
        if code is not None and self.loan.used_code != code:
            try:
                await self.enrol(code)
            except ServerRefused as refused:
                self.enrol_error = refused.problem.code
                if not refused.passing:
                    self.loan.used_code = code
        if self.api.token is None or self.uplink.revoked:
            return
        await self.care.send_messages()
        await self.care.refresh()
        if self.uplink.closed:
            closed = set(self.uplink.closed)
            await self.monitor.renew(closed)
            self.uplink.closed -= closed

    def report(self) -> PhoneReport:
        """Make the report of this moment."""
        return self.reporter.report(self.monitor.patch, self.spool.backlog(), self._clock())

    async def _send_report(self) -> None:
        if self.api.token is not None and not self.uplink.revoked:
            await self.api.report(await asyncio.to_thread(self.report))

    def _changed(self) -> None:
        """Hear from the monitor: ring the uplink; report what changed at once."""
        self.uplink.ring()
        self.reporter.hear(self.monitor.patch, self._clock())

    def local(self) -> datetime:
        """Return now on the wearer's wall: a traveller's device knows its zone."""
        self.care.zone = self.device.zone() or self.care.zone
        return self.care.now().astimezone(self.care.zone)

    # -- what screens read ---------------------------------------------------------

    def view(self) -> PhoneView:
        """Return everything the screens show, as of now."""
        self.local()
        now, patch = self._clock(), self.monitor.patch
        home, unit = self.care.home, self.loan.unit
        backlog = self.spool.backlog()
        ring = self.monitor.ring
        end_sample = ring.end_sample if ring else 0
        events = tuple(home.events) if home else ()
        wear_advice, wear_leads = self.monitor.wear_advice()
        return PhoneView(
            phone_id=self.config.id,
            now=now,
            patient_name=self.patient_name,
            serial=unit.serial if unit else "",
            enrolled=self.api.token is not None,
            enrol_error=self.enrol_error,
            paired=self.paired,
            revoked=self.uplink.revoked,
            returned=bool(home and home.returned) or self.loan.ended is not None,
            due_on=home.due_on if home else (unit.due_on if unit else ""),
            patch_error=patch.refused,
            link=patch.link,
            link_since=patch.link_since,
            on_skin=patch.on_skin,
            off_since=patch.last_contact_at,
            last_frame_at=patch.last_frame_at,
            battery_pct=patch.battery_pct,
            battery_days=self.reporter.battery.days(patch.battery_pct, now),
            rate=self.monitor.rate,
            spool_full=patch.spool_full,
            sent_until=self.uplink.newest_stored_at,
            offline_since=self.uplink.failing_since,
            waiting=backlog.segments,
            waiting_since=backlog.oldest_at,
            set_aside=backlog.set_aside,
            watched=home.monitored if home and self.care.asked_at else None,
            tasks=self.care.tasks(),
            inbox=tuple(self.care.inbox),
            events=events,
            contacts=tuple(self._contacts()),
            unread=self.care.unread(),
            ringing=self.care.ring(),
            sos=self.care.sos.view(events, end_sample),
            recording=self.monitor.recorder.rid if self.monitor.recorder else None,
            end_sample=end_sample,
            wear_advice=wear_advice,
            wear_leads=wear_leads,
            clock_off=self.care.clock_off,
        )

    def _contacts(self) -> list[Contact]:
        if self.care.home is not None and self.care.home.contacts:
            return self.care.home.contacts
        return self.loan.contacts


def utc_now() -> datetime:
    """Return the clock on the wall."""
    return datetime.now(UTC)
