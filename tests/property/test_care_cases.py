"""Cases under two desks: one is open at most, and what is written stays in its place."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import Session, col, select

from clinic_server.devices import service as devices
from clinic_server.devices.models import UnitState
from clinic_server.errors import ClinicError
from clinic_server.patients import cases
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseEvent, CaseFile, CaseVerb, Patient
from clinic_server.plans import changes
from clinic_server.staff.models import AuditEntry, Role, Staff
from clinic_server.staff.service import verify_audit
from tests import factories as make
from tests.property.clinic_machine import ClinicMachine

PATIENTS = (1, 2)
DESKS = (0, 1)
SERIAL = "AX-1"
PREPARED = (UnitState.DISINFECTING, UnitState.TESTING, UnitState.AVAILABLE)
LATE = [verb for verb in CaseVerb if verb not in {*cases.OPENS, CaseVerb.CLOSE_CASE}]

a_desk = st.sampled_from(DESKS)
a_patient = st.sampled_from(PATIENTS)


class Cases(ClinicMachine):
    """Two nurses who do not speak with one another; the model says what each may do."""

    @initialize()
    def open_the_house(self) -> None:
        self.open_database()
        self.open = dict.fromkeys(PATIENTS, True)  # admission opens one
        self.ever = dict.fromkeys(PATIENTS, 1)
        self.holder: int | None = None
        self.written: list[tuple[int, int, CaseVerb]] = []
        with self.db.write() as session:
            self.staff: list[Staff] = [
                make.make_staff(session, f"nurse{desk}", Role.NURSE) for desk in DESKS
            ]
            physician = make.make_staff(session)
            for number in PATIENTS:
                make.make_patient(session, physician, mrn=f"P{number}")
            make.make_unit(session, SERIAL)

    def act(self, what: Callable[[Session], object]) -> str:
        """Do it a minute later; give the code of the refusal, or nothing."""
        self.now += timedelta(minutes=1)
        try:
            with self.db.write() as session:
                what(session)
        except ClinicError as refusal:
            return refusal.code
        return ""

    def begun(self, patient: int) -> None:
        if not self.open[patient]:
            self.open[patient] = True
            self.ever[patient] += 1

    @rule(desk=a_desk, patient=a_patient)
    def open_file(self, desk: int, patient: int) -> None:
        code = self.act(
            lambda session: patients.open_file(
                session, self.staff[desk], session.get_one(Patient, patient), self.now
            )
        )
        assert code == ("patients.case_open" if self.open[patient] else "")
        self.begun(patient)

    @rule(desk=a_desk, patient=a_patient)
    def lend(self, desk: int, patient: int) -> None:
        code = self.act(
            lambda session: devices.issue(
                session,
                serial=SERIAL,
                patient_id=patient,
                staff=self.staff[desk],
                due_on=(self.now + timedelta(days=7)).date(),
                now=self.now,
                code_minutes=10,
            )
        )
        assert (code == "") == (self.holder is None)
        if not code:
            self.holder = patient
            self.begun(patient)

    @rule(desk=a_desk)
    def take_back(self, desk: int) -> None:
        if self.holder is None:
            return
        holder = self.holder

        def back(session: Session) -> None:
            loan = devices.open_issue_of(session, holder)
            assert loan is not None
            devices.return_(session, loan.id or 0, self.staff[desk], "good", self.now)
            devices.wipe(session, SERIAL, self.staff[desk], self.now)
            for state in PREPARED:
                devices.set_state(session, SERIAL, state, self.staff[desk], self.now)

        assert self.act(back) == ""
        self.holder = None

    @rule(desk=a_desk, patient=a_patient)
    def close(self, desk: int, patient: int) -> None:
        code = self.act(
            lambda session: changes.close_case(
                session,
                patient=session.get_one(Patient, patient),
                staff=self.staff[desk],
                now=self.now,
            )
        )
        if self.holder == patient:
            assert code == "plans.unit_still_out"
        else:
            assert code == ("" if self.open[patient] else "patients.no_open_case")
            self.open[patient] = False

    @rule(patient=a_patient, verb=st.sampled_from(LATE))
    def something_arrives(self, patient: int, verb: CaseVerb) -> None:
        """A measurement out of a spool, a late report: it opens no case that was closed."""
        code = self.act(
            lambda session: cases.record_case(
                session, patient, verb, at=self.now, actor="phone:1"
            )
        )
        assert code == ""

    @invariant()
    def one_case_is_open_where_the_model_says_so(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            files = session.exec(select(CaseFile)).all()
        for patient in PATIENTS:
            own = [one for one in files if one.patient_id == patient]
            assert len(own) == self.ever[patient]
            assert [one.closed_at for one in own].count(None) == self.open[patient]

    @invariant()
    def every_case_begins_with_its_file_and_what_was_written_stays(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            events = session.exec(select(CaseEvent).order_by(col(CaseEvent.id))).all()
            files = session.exec(select(CaseFile)).all()
            audited = session.exec(
                select(AuditEntry).where(AuditEntry.object_kind == "case_event")
            ).all()
            assert verify_audit(session) is None
        rows = [(one.id or 0, one.case_id, one.verb) for one in events]
        assert rows[: len(self.written)] == self.written
        self.written = rows
        assert [str(one.object_id) for one in audited] == [str(row) for row, _, _ in rows]
        for file in files:
            verbs = [verb for _, case_id, verb in rows if case_id == file.id]
            assert verbs[0] is CaseVerb.OPEN_FILE
            assert verbs.count(CaseVerb.OPEN_FILE) == 1
            assert verbs.count(CaseVerb.CLOSE_CASE) == (file.closed_at is not None)


Cases.TestCase.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, derandomize=True
)
TestCases = Cases.TestCase
