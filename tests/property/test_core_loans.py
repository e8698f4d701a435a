"""Loans under two desks: whatever they do, a unit is out once and a token dies in time."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import col, select

from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue, Unit, UnitState
from clinic_server.errors import ClinicError
from clinic_server.staff.service import verify_audit
from tests import factories as make
from tests.property.clinic_machine import ClinicMachine

UNITS = ("AX-1", "AX-2")
PATIENTS = (1, 2, 3)


class Desks(ClinicMachine):
    """Two people at two desks, their units, patients and phones."""

    @initialize()
    def open_the_desk(self) -> None:
        self.open_database()
        self.codes: list[str] = []
        self.tokens: dict[str, int] = {}
        with self.db.write() as session:
            self.staff = make.make_staff(session)
            for number in PATIENTS:
                make.make_patient(session, self.staff, mrn=f"P{number}")
            for serial in UNITS:
                make.make_unit(session, serial)

    @rule(serial=st.sampled_from(UNITS), patient=st.sampled_from(PATIENTS))
    def issue(self, serial: str, patient: int) -> None:
        with self.trying() as session:
            _, code = devices.issue(
                session,
                serial=serial,
                patient_id=patient,
                staff=self.staff,
                due_on=(self.now + timedelta(days=7)).date(),
                now=self.now,
                code_minutes=10,
            )
            self.codes.append(code)

    @rule(data=st.data())
    def pair(self, data: st.DataObject) -> None:
        if not self.codes:
            return
        code = data.draw(st.sampled_from(self.codes))
        with self.trying() as session:
            loan, token = devices.enrol(session, code, self.now)
            assert token not in self.tokens
            self.tokens[token] = loan.id or 0
            self.codes.remove(code)  # used: a second success would fail the next line
        with self.trying() as session:
            devices.enrol(session, code, self.now)
            assert code in self.codes, "a code worked twice"
            self.codes.remove(code)

    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        with self.db.read() as session:
            loans = [one.id or 0 for one in session.exec(select(Issue)).all()]
        if loans:
            with self.trying() as session:
                devices.return_(
                    session, data.draw(st.sampled_from(loans)), self.staff, "good", self.now
                )

    @rule(serial=st.sampled_from(UNITS), state=st.sampled_from(UnitState))
    def move(self, serial: str, state: UnitState) -> None:
        with self.trying() as session:
            devices.set_state(session, serial, state, self.staff, self.now)

    @rule(serial=st.sampled_from(UNITS))
    def wipe(self, serial: str) -> None:
        with self.trying() as session:
            devices.wipe(session, serial, self.staff, self.now)

    @rule(minutes=st.integers(1, 20))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @invariant()
    def a_unit_is_out_once_and_its_state_agrees(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            out = session.exec(select(Issue).where(col(Issue.returned_at).is_(None))).all()
            units = session.exec(select(Unit)).all()
        serials = [loan.serial for loan in out]
        assert len(serials) == len(set(serials))
        assert len({loan.patient_id for loan in out}) == len(out)
        for unit in units:
            away = unit.state in (UnitState.ISSUED, UnitState.IN_USE)
            assert not away or unit.serial in serials
            if unit.state is UnitState.AVAILABLE:
                assert unit.serial not in serials
                assert unit.wiped_at is not None
                assert unit.disinfected_at is not None

    @invariant()
    def a_token_opens_only_a_loan_that_is_out(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            for token, issue_id in self.tokens.items():
                try:
                    loan = devices.issue_for_token(session, token)
                except ClinicError:
                    continue
                assert loan.id == issue_id
                assert loan.returned_at is None

    @invariant()
    def the_audit_holds(self) -> None:
        if hasattr(self, "db"):
            with self.db.read() as session:
                assert verify_audit(session) is None


Desks.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, derandomize=True
)
TestDesks = Desks.TestCase
