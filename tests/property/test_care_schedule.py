"""Cases and plans under two people and a phone: whatever the order, the rows agree."""

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import Session, col, select

from clinic_server.patients import service as patients
from clinic_server.patients.cases import OPENS
from clinic_server.patients.models import CaseEvent, CaseFile, CaseVerb, Patient
from clinic_server.plans import changes, work
from clinic_server.plans import service as plans
from clinic_server.plans.models import Task, WorkItem, WorkKind
from clinic_server.staff.models import AuditEntry, Staff
from clinic_server.staff.service import verify_audit
from clinic_server.wire.care import TaskDone, TaskKind, TaskState
from tests import factories as make
from tests.property.clinic_machine import ClinicMachine

ZONE = ZoneInfo("Asia/Shanghai")
OTHER_VERBS = sorted(set(CaseVerb) - {CaseVerb.CLOSE_CASE, CaseVerb.PRESCRIBE_PLAN})
MINE = (TaskKind.VITALS, TaskKind.SPOT_ECG)


class FollowUp(ClinicMachine):
    """A physician, a nurse and a phone; the clock goes on, ticks come when they come."""

    @initialize()
    def open_the_clinic(self) -> None:
        self.open_database()
        with self.db.write() as session:
            self.doctor = make.make_staff(session)
            self.nurse = make.make_staff(session, "chen")
            self.patient = make.make_patient(session, self.doctor)

    def tasks(self, session: Session, *states: TaskState) -> list[Task]:
        query = select(Task).where(col(Task.state).in_(states)).order_by(col(Task.id))
        return list(session.exec(query).all())

    @rule(days_ago=st.integers(0, 3), who=st.sampled_from(["doctor", "nurse"]))
    def prescribe(self, days_ago: int, who: str) -> None:
        staff: Staff = getattr(self, who)
        with self.trying() as session:
            plans.prescribe(
                session,
                patient=session.get_one(Patient, self.patient.id),
                staff=staff,
                template="after_pci",
                starts_on=(self.now - timedelta(days=days_ago)).date(),
                zone=ZONE,
                now=self.now,
            )

    @rule(verb=st.sampled_from(OTHER_VERBS), who=st.sampled_from(["doctor", "nurse"]))
    def act(self, verb: CaseVerb, who: str) -> None:
        staff: Staff = getattr(self, who)
        with self.trying() as session:
            patients.record_case(
                session, self.patient.id or 0, verb, at=self.now, actor=f"staff:{staff.id}"
            )

    @rule(who=st.sampled_from(["doctor", "nurse"]))
    def close(self, who: str) -> None:
        with self.trying() as session:
            patient = session.get_one(Patient, self.patient.id)
            changes.close_case(
                session, patient=patient, staff=getattr(self, who), now=self.now
            )

    @rule(minutes=st.integers(1, 26 * 60))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(times=st.integers(1, 3))
    def sweep(self, times: int) -> None:
        for run in range(times):
            with self.db.write() as session:
                changed = plans.sweep(session, self.now)
            assert run == 0 or changed == 0, "a tick that runs again finds nothing to do"

    @rule(data=st.data(), wrong_by=st.integers(-90, 90))
    def do_on_the_phone(self, data: st.DataObject, wrong_by: int) -> None:
        """The phone's clock may be wrong, and it may say so twice."""
        with self.db.read() as session:
            mine = [one.id for one in self.tasks(session, *TaskState) if one.kind in MINE]
        if not mine:
            return
        task_id = data.draw(st.sampled_from(mine)) or 0
        done = TaskDone(done_at=self.now + timedelta(minutes=wrong_by), systolic_mmhg=128)
        for _ in range(2):
            with self.trying() as session:
                plans.done(
                    session, task_id=task_id, patient_id=self.patient.id or 0,
                    actor="phone:1", body=done, now=self.now,
                )  # fmt: skip

    @rule(data=st.data(), days=st.integers(-2, 5))
    def move(self, data: st.DataObject, days: int) -> None:
        with self.db.read() as session:
            tasks = [one.id for one in self.tasks(session, *TaskState)]
        if not tasks:
            return
        chosen = data.draw(st.sampled_from(tasks)) or 0
        with self.trying() as session:
            changes.reschedule(
                session, task=plans.task_by_id(session, chosen), staff=self.nurse,
                on=(self.now + timedelta(days=days)).date(), zone=ZONE, now=self.now,
            )  # fmt: skip

    @rule(data=st.data(), outcome=st.sampled_from(work.OUTCOMES))
    def call(self, data: st.DataObject, outcome: str) -> None:
        with self.db.read() as session:
            lines = [one.id for one in work.worklist(session)]
        if not lines:
            return
        line = data.draw(st.sampled_from(lines)) or 0
        with self.trying() as session:
            item = work.work_by_id(session, line)
            work.finish_work(
                session, item=item, staff=self.nurse, outcome=outcome, note="", now=self.now
            )

    @invariant()
    def one_case_is_open_at_most_and_begins_with_its_file(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            cases = session.exec(select(CaseFile).order_by(col(CaseFile.id))).all()
            events = session.exec(select(CaseEvent).order_by(col(CaseEvent.id))).all()
        assert sum(case.closed_at is None for case in cases) <= 1
        for case in cases:
            own = [event.verb for event in events if event.case_id == case.id]
            assert own[0] is CaseVerb.OPEN_FILE
            assert own.count(CaseVerb.OPEN_FILE) == 1
            closed = own.count(CaseVerb.CLOSE_CASE)
            assert closed == (case.closed_at is not None)
            if closed:  # what came late opened nothing
                late = own[own.index(CaseVerb.CLOSE_CASE) + 1 :]
                assert not OPENS & set(late)

    @invariant()
    def every_verb_is_in_the_audit(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            verbs = Counter(
                f"case.{one.verb.value}" for one in session.exec(select(CaseEvent)).all()
            )
            written = Counter(
                one.action
                for one in session.exec(select(AuditEntry)).all()
                if one.action.startswith("case.") and one.object_kind == "case_event"
            )
            assert verbs == written
            assert verify_audit(session) is None

    @invariant()
    def the_servers_schedule_is_the_truth(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            open_keys = {one.dedupe_key for one in work.worklist(session)}
            keys = Counter(
                one.dedupe_key
                for one in session.exec(select(WorkItem)).all()
                if one.kind is WorkKind.MISSED_TASK
            )
            for task in self.tasks(session, *TaskState):
                line = plans.missed_key(task)
                if task.state is TaskState.DONE:
                    assert task.done_at is not None
                    assert task.done_at <= self.now, "nothing is done in the future"
                    assert line not in open_keys
                if task.state is TaskState.MISSED:
                    assert task.grace_until <= self.now
                    assert keys[line] == 1, "missed once is one line"
                if task.state in (TaskState.PLANNED, TaskState.DUE):
                    assert line not in keys
                if task.state is TaskState.CANCELLED:
                    assert line not in open_keys


FollowUp.TestCase.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, derandomize=True
)
TestFollowUp = FollowUp.TestCase
