"""What the clinic wants of the wearer and the wearer of the clinic.

Answers, tasks, reminders, the family page. What the wearer says is durable first and sent
when there is a line; what the clinic said last is remembered over a restart.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from pydantic import TypeAdapter

from app.clinic_api import ClinicApi
from app.consents import Consents
from app.diary import Diary
from app.errors import ServerRefused
from app.first_day import FirstDay
from app.helper import Helper
from app.notebook import Message, Notebook
from app.rehab import RehabDesk
from app.reminders import SNOOZE, Ring, heard_with, owed, what_now
from app.sos import SosDesk
from app.spool import Spool
from app.vitals import Vitals
from clinic_server.wire.care import (
    Advice,
    AdviceReply,
    FamilyLinkCreate,
    FamilyLinkView,
    Home,
    PatientTask,
    Sos,
    TaskDone,
    TaskKind,
    TaskState,
)
from clinic_server.wire.consent import ConsentPut
from clinic_server.wire.consult import Consult, ConsultCreate
from clinic_server.wire.diary import DiaryNote
from clinic_server.wire.rehab import RehabSummary
from clinic_server.wire.trace import HelperAct, HelperNote

CLOCK_TOLERANCE = timedelta(seconds=60)
"""A clock nearer to the clinic's is right: the answer itself takes a while."""
FINAL = frozenset({"consults.too_many", "plans.too_many_measured"})
"""Refusals that time alone does not lift, and that must not hold up what waits behind."""
_INBOX: TypeAdapter[list[Advice]] = TypeAdapter(list[Advice])
_CONSULTS: TypeAdapter[list[Consult]] = TypeAdapter(list[Consult])


class Care:
    """The clinic's side of one phone.

    Parameters
    ----------
    notebook : Notebook
        Memory of the phone.
    spool : Spool
        For the ECG around a call for help.
    api : ClinicApi
        The clinic.
    clock : callable
        Now, aware UTC.
    zone : tzinfo
        Where the wearer is until the device says otherwise.
    """

    def __init__(
        self,
        notebook: Notebook,
        spool: Spool,
        api: ClinicApi,
        clock: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        self._notebook = notebook
        self._api = api
        self._clock = clock
        self.home_zone = self.zone = zone
        self.sos = SosDesk(notebook, spool)
        self.diary = Diary(notebook)
        self.vitals = Vitals(notebook)
        self.consents = Consents(notebook)
        self.first_day = FirstDay(notebook)
        self.helper = Helper(notebook)
        self.rehab = RehabDesk(notebook, api.rehab_gate, self.now)
        self.home: Home | None = None
        self.asked_at: datetime | None = None
        """When the clinic last answered."""
        self.clock_off = timedelta(0)
        """How far this phone's clock is behind the clinic's; zero while it is near."""
        remembered = notebook.get("home")
        if remembered is not None:
            self.home = Home.model_validate(remembered)
        self.inbox: list[Advice] = _INBOX.validate_python(notebook.get("inbox", []))
        self.consults: list[Consult] = _CONSULTS.validate_python(
            notebook.get("consults", [])
        )
        self._heard = {(int(i), int(n)) for i, n in notebook.get("heard", [])}
        self._ringing: set[int] = set(notebook.get("ringing", []))
        self._to_sound = [
            Ring(int(i), int(n), datetime.fromisoformat(at))
            for i, n, at in notebook.get("to_sound", [])
        ]
        self.refused: str | None = None
        """Code of the last message the clinic refused."""

    @property
    def away(self) -> bool:
        """The clock on the wearer's wall is not that of the clinic."""
        now = self.now()
        return now.astimezone(self.zone).utcoffset() != (
            now.astimezone(self.home_zone).utcoffset()
        )

    def now(self) -> datetime:
        """Return the clinic's time: the phone's clock may be wrong."""
        return self._clock() + self.clock_off

    async def refresh(self) -> None:
        """Ask the clinic how things are; remember it."""
        home = await self._api.home()
        off = home.server_at - self._clock()
        self.clock_off = off if abs(off) > CLOCK_TOLERANCE else timedelta(0)
        changed = self.home is None or home.unread != self.home.unread
        if changed or {a.read_at is None for a in self.inbox} != {home.unread > 0}:
            self.inbox = await self._api.inbox()
            self._notebook.put("inbox", [a.model_dump(mode="json") for a in self.inbox])
            await self.refresh_consults()
        steady = home.model_dump(mode="json", exclude={"server_at", "last_sample_at"})
        known = self.home and self.home.model_dump(
            mode="json", exclude={"server_at", "last_sample_at"}
        )
        if steady != known:
            self._notebook.put("home", home.model_dump(mode="json"))
        self.home = home
        self.asked_at = self._clock()
        self.ring()

    async def refresh_consults(self) -> None:
        """Ask the clinic which questions it has; remember it."""
        self.consults = await self._api.consults()
        told = [consult.model_dump(mode="json") for consult in self.consults]
        self._notebook.put("consults", told)

    def ask_doctor(self, question: ConsultCreate) -> None:
        """Queue a question about a stretch of ECG."""
        self._notebook.post("consult", "", question.model_dump_json())
        self._note_help(HelperAct.CONSULT)

    def questions_waiting(self) -> list[ConsultCreate]:
        """Return the questions that are not at the clinic yet."""
        return [
            ConsultCreate.model_validate_json(message.body)
            for message in self._notebook.messages()
            if message.kind == "consult"
        ]

    def _note_help(self, act: HelperAct) -> None:
        self.helper.note(act, self.now())

    def tasks(self) -> tuple[PatientTask, ...]:
        """Return the plan's tasks; what was done here is done before the clinic knows."""
        if self.home is None:
            return ()
        done = {int(m.target) for m in self._notebook.messages() if m.kind == "done"}
        return tuple(
            task.model_copy(update={"state": TaskState.DONE, "done_at": self.now()})
            if task.id in done
            else task
            for task in self.home.tasks
        )

    def task_now(self) -> PatientTask | None:
        """Return the one thing to do now; a snoozed one steps back."""
        now = self.now()
        asleep = {
            int(i)
            for i, at in self._notebook.get("snoozed", {}).items()
            if timedelta(0) < datetime.fromisoformat(at) - now <= SNOOZE
        }
        here = [t for t in self.tasks() if t.done_here]
        awake = [t for t in here if t.id not in asleep]
        return what_now(awake, now)

    def ring(self) -> tuple[int, ...]:
        """Return the tasks whose reminder sounds; a ring lasts until it is answered."""
        snoozed = {
            int(i): datetime.fromisoformat(at)
            for i, at in self._notebook.get("snoozed", {}).items()
        }
        tasks = self.tasks()
        rings = owed(tasks, self._heard, snoozed, self.now(), self.zone)
        for ring in rings:
            self._heard = heard_with(self._heard, ring)
            self._ringing.add(ring.task_id)
            self._to_sound.append(ring)
            snoozed.pop(ring.task_id, None)
        if rings:
            # what will sound first: after a kill between the two it still does
            self._keep_to_sound()
            self._notebook.put("heard", sorted(self._heard))
            self._notebook.put("snoozed", {i: at.isoformat() for i, at in snoozed.items()})
        still = {t.id for t in tasks if t.state in (TaskState.PLANNED, TaskState.DUE)}
        if rings or not self._ringing <= still:
            self._ringing &= still
            self._notebook.put("ringing", sorted(self._ringing))
        return tuple(sorted(self._ringing))

    def rings(self) -> list[Ring]:
        """Take the reminders that sound now; each is given once."""
        self.ring()
        rings, self._to_sound = self._to_sound, []
        if rings:
            self._keep_to_sound()
        return rings

    def _keep_to_sound(self) -> None:
        rings = [[r.task_id, r.number, r.at.isoformat()] for r in self._to_sound]
        self._notebook.put("to_sound", rings)

    def _quieten(self, task_id: int) -> None:
        """Note that the wearer has answered a reminder."""
        self._ringing.discard(task_id)
        self._notebook.put("ringing", sorted(self._ringing))
        self._to_sound = [ring for ring in self._to_sound if ring.task_id != task_id]
        self._keep_to_sound()

    def snooze(self, task_id: int) -> None:
        """Ring again in ten minutes."""
        self._quieten(task_id)
        snoozed = self._notebook.get("snoozed", {})
        snoozed[str(task_id)] = (self.now() + SNOOZE).isoformat()
        self._notebook.put("snoozed", snoozed)

    def done(self, task_id: int, done: TaskDone) -> None:
        """Note that a task was done; it is sent when there is a line."""
        self._quieten(task_id)
        self._notebook.post("done", str(task_id), done.model_dump_json())
        self._note_help(HelperAct.DONE)

    def measured(self, done: TaskDone, task_id: int | None = None) -> None:
        """Note vital signs, for a task of the plan or for none."""
        self.vitals.keep(done)
        if task_id is None:
            self.vitals.post(done)
            self._note_help(HelperAct.DONE)
        else:
            self.done(task_id, done)

    def vitals_wait(self) -> bool:
        """Say whether anything measured by hand is not at the clinic yet."""
        return any(m.kind in ("measured", "done") for m in self._notebook.messages())

    def open_task(self, kind: TaskKind) -> PatientTask | None:
        """Return the task of a kind whose window is open: doing it by the way counts."""
        now = self.now()
        return what_now([t for t in self.tasks() if t.kind is kind], now)

    def read(self, advice_id: int, reply: AdviceReply) -> None:
        """Note that an answer was opened, and the wearer's reply to it."""
        now = self.now()
        self.inbox = [
            advice.model_copy(
                update={
                    "read_at": advice.read_at or now,
                    "reply": reply.reply or advice.reply,
                }
            )
            if advice.id == advice_id
            else advice
            for advice in self.inbox
        ]
        self._notebook.put("inbox", [a.model_dump(mode="json") for a in self.inbox])
        self._notebook.post("read", str(advice_id), reply.model_dump_json())
        self._note_help(HelperAct.READ)

    def unread(self) -> int:
        """Count the answers that were not opened."""
        return sum(advice.read_at is None for advice in self.inbox)

    async def send_messages(self) -> bool:
        """Send what waits, an SOS first; return whether anything was sent.

        Raises
        ------
        Offline
            There is no line; what waits stays.
        ServerRefused
            Only if trying later may help; what is refused for good is dropped and its
            code is kept in `refused`.
        """
        waiting = self._notebook.messages()
        for message in waiting:
            try:
                await self._send(message)
            except ServerRefused as refused:
                # a call for help is never dropped but for a mistake in the call itself
                keep = message.kind == "sos" and refused.problem.status != 422
                passing = refused.passing and refused.problem.code not in FINAL
                if passing or refused.revoked or keep:
                    raise
                self.refused = refused.problem.code
                if message.kind == "diary":
                    self.diary.refused(message.target)
            self._notebook.sent(message.place)
        return bool(waiting)

    async def _send(self, message: Message) -> None:
        match message.kind:
            case "sos":
                event = await self._api.sos(Sos.model_validate_json(message.body))
                self.sos.taken(event)
            case "read":
                reply = AdviceReply.model_validate_json(message.body)
                await self._api.read(int(message.target), reply)
            case "done":
                done = TaskDone.model_validate_json(message.body)
                await self._api.task_done(int(message.target), done)
            case "measured":
                await self._api.measured(TaskDone.model_validate_json(message.body))
            case "diary":
                await self._api.note(DiaryNote.model_validate_json(message.body))
            case "consents":
                put = ConsentPut.model_validate_json(message.body)
                self.consents.learn(await self._api.decide(put))
            case "rehab":
                summary = RehabSummary.model_validate_json(message.body)
                await self._api.rehab_summary(int(message.target), summary)
            case "consult":
                question = ConsultCreate.model_validate_json(message.body)
                await self._api.ask_doctor(question)
                await self.refresh_consults()
            case "help":
                await self._api.helped(HelperNote.model_validate_json(message.body))

    async def family(self) -> list[FamilyLinkView]:
        """Return the relatives' links."""
        return await self._api.family()

    async def invite(
        self, label: str, level: int, days: int, pin: str | None = None
    ) -> FamilyLinkView:
        """Let a relative look; the address is in this answer only."""
        link = FamilyLinkCreate(label=label, level=level, days=days, pin=pin)
        return await self._api.family_create(link)

    async def uninvite(self, link_id: int) -> None:
        """Close a relative's link."""
        await self._api.family_revoke(link_id)

    def forget(self) -> None:
        """Drop what belonged to a loan that ended."""
        self.home, self.inbox, self.asked_at = None, [], None
        self.consults = []
        self._heard, self._ringing, self._to_sound = set(), set(), []
        self.rehab.leave()
        for name in (
            "home",
            "inbox",
            "heard",
            "snoozed",
            "sos",
            "consents",
            "diary",
            "diary_refused",
            "vitals",
            "consults",
            "helper",
            "ringing",
            "to_sound",
        ):
            self._notebook.drop(name)
        for message in self._notebook.messages():
            self._notebook.sent(message.place)
