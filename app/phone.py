"""One wearer's phone without a screen: patch, spool, way to the clinic, messages.

Screens read `Phone.view` and call its verbs; `anxin phone` runs many of them.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from app.battery import BatteryForecast
from app.care import Care
from app.clinic_api import ClinicApi, Line, Transport
from app.errors import AppError, NotEnrolled, Offline, ServerRefused
from app.monitor import Monitor
from app.notebook import Notebook
from app.patches import Found, PatchSpec, Surroundings, VirtualRoom, read_code
from app.settings import VERSION, Settings
from app.spool import Spool
from app.state import PhoneView
from app.uplink import Uplink
from clinic_server.wire.care import Contact, PhoneReport
from clinic_server.wire.enrolment import EnrolRequest, EnrolResponse, IssuedUnit
from sensors.errors import SensorError
from sensors.makes import parse_box_code

_LOG = logging.getLogger(__name__)
RECONNECT_S = 2.0
REFUSED_S = 30.0
MESSAGE_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class PhoneConfig:
    """One phone of a process."""

    id: str
    name: str
    """Whose phone it is, on the list of this host."""
    patch: PatchSpec | None
    """The virtual patch on the chest; None: a real one, reached by radio."""
    code: str | None = None
    """Pairing code from the desk, used once."""
    token: str | None = None
    """Token of a loan that was enrolled elsewhere; needs ``unit`` too."""
    unit: IssuedUnit | None = None
    pair: bool = True
    """Pair with the issued unit without asking."""
    box_code: str | None = None
    """What is printed on the box of the patch, ``ANXIN-PATCH:<serial>:<code>``."""


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
        self.notebook = Notebook(folder / "notebook.sqlite")
        self.spool = Spool(folder / "spool.sqlite", settings.spool_quota_mb * 2**20)
        self.line = Line()
        self.api = ClinicApi(
            settings.server_url, settings.request_timeout_s, self.line, transport
        )
        self.api.locale = self.locale.replace("_", "-")
        self.uplink = Uplink(self.spool, self.api, rng, clock, settings.in_flight)
        zone = ZoneInfo(settings.time_zone)
        self.care = Care(self.notebook, self.spool, self.api, clock, zone)
        self.monitor = Monitor(
            self.spool,
            clock=clock,
            mono_s=time.monotonic,
            segment_s=settings.segment_s,
            max_s=settings.recording_max_h * 3600,
            on_change=self._changed,
        )
        self.enrol_error: str | None = None
        self.faults = 0
        """How often a mistake of the program stopped this phone."""
        self._battery = BatteryForecast()
        self._nudge = asyncio.Event()
        self._report_now = asyncio.Event()
        self._pairing = asyncio.Event()
        self._pair_again = asyncio.Event()
        self._reported: object = None
        self._restore()

    # -- memory --------------------------------------------------------------------

    def _restore(self) -> None:
        """Take up what was known before the restart."""
        config = self.config
        if config.token is not None and self.notebook.get("token") != config.token:
            self.notebook.put("token", config.token)
            if config.unit is not None:
                self.notebook.put("unit", config.unit.model_dump(mode="json"))
        if config.box_code is not None:
            self.notebook.put("patch_code", parse_box_code(config.box_code).code)
        self.api.token = self.notebook.get("token")
        unit = self.unit
        if unit is not None:
            self._put_on(unit.serial)
            if config.pair or self.notebook.get("paired"):
                self._pairing.set()

    @property
    def unit(self) -> IssuedUnit | None:
        """The unit that was issued with this phone's loan."""
        known = self.notebook.get("unit")
        return None if known is None else IssuedUnit.model_validate(known)

    @property
    def locale(self) -> str:
        """Language the wearer chose."""
        chosen: str = self.notebook.get("locale", self._settings.locale)
        return chosen

    @property
    def patient_name(self) -> str:
        """Name as the clinic knows it, or the phone's label."""
        name: str = self.notebook.get("patient_name", self.config.name)
        return name

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
        if self.notebook.get("issue_id") not in (None, answer.issue_id):
            self.care.forget()
            current = self.spool.current()
            if current is not None:
                self.spool.end(current.rid)
        self.notebook.put("token", answer.token)
        self.notebook.put("issue_id", answer.issue_id)
        self.notebook.put("patient_name", answer.patient_name)
        self.notebook.put("unit", answer.unit.model_dump(mode="json"))
        self.notebook.put("used_code", code)
        contacts = [c.model_dump(mode="json") for c in answer.contacts]
        self.notebook.put("contacts", contacts)
        self.api.token = answer.token
        self.uplink.revoked = False
        self.enrol_error = None
        self._put_on(answer.unit.serial)
        if self.config.pair:
            self._pairing.set()
        self._nudge.set()
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
        unit = self.unit
        if unit is None:
            raise NotEnrolled
        try:
            code = read_code(unit, serial, box_code)
        except SensorError as error:
            self.monitor.patch.refused = error.code
            return False
        if code:
            self.notebook.put("patch_code", code)
        self.monitor.patch.refused = None
        self.notebook.put("paired", True)
        self._pairing.set()
        self._pair_again.set()
        return True

    def _put_on(self, serial: str) -> None:
        """Wear the virtual patch: it is on the chest as soon as it is issued."""
        if isinstance(self._room, VirtualRoom) and self.config.patch is not None:
            self._room.wear(serial, self.config.patch)

    @property
    def paired(self) -> bool:
        """A patch was chosen."""
        return self._pairing.is_set()

    def press_sos(self) -> None:
        """Ask for help: keep the ECG, queue the call, try at once."""
        ring, recorder = self.monitor.ring, self.monitor.recorder
        rid = recorder.rid if recorder else None
        has_ecg = ring is not None and rid is not None and ring.end_sample > 0
        self.care.sos.press(
            self._clock(),
            rid if has_ecg else None,
            ring.end_sample if ring and has_ecg else None,
            ring.fs_hz if ring and has_ecg else None,
        )
        self.hurry()

    def hurry(self) -> None:
        """Try everything that waits now."""
        self.uplink.hurry()
        self._nudge.set()

    def set_network(self, up: bool) -> None:
        """Cut or mend the line, as the demo and the tests do."""
        self.line.up = up
        if up:
            self.hurry()

    def set_locale(self, locale: str) -> None:
        """Choose the language; it is remembered."""
        self.notebook.put("locale", locale)
        self.api.locale = locale.replace("_", "-")

    # -- running -------------------------------------------------------------------

    async def run(self) -> None:
        """Do everything until cancelled."""
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._wear())
            jobs.create_task(self._repeat(self._poll, self._settings.poll_s))
            jobs.create_task(self._report_loop())
            jobs.create_task(self._upload())

    async def close(self) -> None:
        """Close connections and files; `run` must be over."""
        await self.api.close()
        self.spool.close()
        self.notebook.close()

    async def _wear(self) -> None:
        """Listen to the patch for as long as there is one."""
        await self._pairing.wait()
        while True:
            unit = self.unit
            if unit is not None and not self.uplink.revoked:
                self._pair_again.clear()
                try:
                    code = self.notebook.get("patch_code", "")
                    patch = self._room.open(unit.serial, unit, code)
                    speed = self.config.patch.speed if self.config.patch else 1.0
                    await self.monitor.run(patch, unit.serial, speed)
                except (SensorError, AppError) as error:
                    _LOG.warning("patch of %s: %s", self.config.id, error)
                    self.monitor.patch.refused = getattr(error, "code", "app.error")
            # a patch locks itself after wrong codes: wait for another one
            refused = self.monitor.patch.refused is not None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFUSED_S if refused else RECONNECT_S):
                    await self._pair_again.wait()

    async def _upload(self) -> None:
        while True:
            if self.api.token is not None and not self.uplink.revoked:
                await self.uplink.run()
            await asyncio.sleep(1.0)

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        failures = 0
        while True:
            self._nudge.clear()
            try:
                await work()
                failures = 0
            except Offline:
                failures += 1
            except ServerRefused as refused:
                failures += 1
                if refused.revoked and self.api.token is not None:
                    self.uplink.revoked = True
            wait_s = every_s if failures == 0 else min(MESSAGE_RETRY_S, every_s * 2)
            try:
                async with asyncio.timeout(wait_s):
                    await self._nudge.wait()
            except TimeoutError:
                pass

    async def _poll(self) -> None:
        """Enrol if there is a code, send what waits, then ask how things are."""
        code = self.config.code
        if code is not None and self.notebook.get("used_code") != code:
            try:
                await self.enrol(code)
            except ServerRefused as refused:
                self.enrol_error = refused.problem.code
                if not refused.passing:
                    self.notebook.put("used_code", code)
        if self.api.token is None or self.uplink.revoked:
            return
        await self.care.send_messages()
        await self.care.refresh()
        if self.uplink.closed:
            closed = set(self.uplink.closed)
            await self.monitor.renew(closed)
            self.uplink.closed -= closed

    async def _report_loop(self) -> None:
        """Say how phone and patch are: on change, and every 15 s."""
        while True:
            self._report_now.clear()
            if self.api.token is not None and not self.uplink.revoked:
                try:
                    await self.api.report(await asyncio.to_thread(self.report))
                except (Offline, ServerRefused) as error:
                    _LOG.debug("report of %s: %s", self.config.id, error)
            try:
                async with asyncio.timeout(self._settings.report_s):
                    await self._report_now.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(0.5)

    def report(self) -> PhoneReport:
        """Make the report of this moment."""
        patch, backlog = self.monitor.patch, self.spool.backlog()
        return PhoneReport(
            at=self._clock(),
            battery_pct=patch.battery_pct,
            leads_on=list(patch.leads_on) or None,
            link=patch.link.value,
            queue_segments=backlog.segments,
            oldest_unsent_at=backlog.oldest_at,
            app_version=VERSION,
        )

    def _changed(self) -> None:
        """Hear from the monitor: ring the uplink; report what changed at once."""
        self.uplink.ring()
        patch = self.monitor.patch
        self._battery.hear(patch.battery_pct, self._clock())
        said = (patch.leads_on, patch.link, patch.battery_pct, patch.spool_full)
        if said != self._reported:
            self._reported = said
            self._report_now.set()

    # -- what screens read ---------------------------------------------------------

    def view(self) -> PhoneView:
        """Return everything the screens show, as of now."""
        now, patch = self._clock(), self.monitor.patch
        home, unit = self.care.home, self.unit
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
            returned=bool(home and home.returned),
            due_on=home.due_on if home else (unit.due_on if unit else ""),
            patch_error=patch.refused,
            link=patch.link,
            link_since=patch.link_since,
            on_skin=patch.on_skin,
            off_since=patch.last_contact_at,
            last_frame_at=patch.last_frame_at,
            battery_pct=patch.battery_pct,
            battery_days=self._battery.days(patch.battery_pct, now),
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
        )

    def _contacts(self) -> list[Contact]:
        if self.care.home is not None and self.care.home.contacts:
            return self.care.home.contacts
        return [Contact.model_validate(c) for c in self.notebook.get("contacts", [])]


def utc_now() -> datetime:
    """Return the clock on the wall."""
    return datetime.now(UTC)
