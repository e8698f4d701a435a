"""Two desks at once, really at once: threads of their own on one database."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

from sqlmodel import col, select

from clinic_server.devices import loans
from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue, Unit, UnitState
from clinic_server.errors import ClinicError
from clinic_server.patients.cases import record_case
from clinic_server.patients.models import CaseEvent, CaseFile, CaseVerb
from clinic_server.plans import changes
from clinic_server.staff.audit import verify_audit
from clinic_server.staff.models import Role
from tests import factories as make
from tests.factories import NOW

UNITS = ("AX-1", "AX-2")
DESKS = 4
ROUNDS = 12


def at_once(clinic, acts):
    """Run each act in a transaction of its own thread; a refusal is a fine answer."""
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait(timeout=30)
        try:
            with clinic.write() as session:
                act(session)
        except ClinicError as refusal:
            return refusal.code
        return ""

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def world(clinic):
    with clinic.write() as session:
        nurse = make.make_staff(session, "nurse", Role.NURSE)
        physician = make.make_staff(session)
        patients = [make.make_patient(session, physician, mrn=f"P{n}") for n in range(1, 4)]
        for serial in UNITS:
            make.make_unit(session, serial)
    return nurse, physician, patients


def lend(staff, serial, patient):
    return lambda session: devices.issue(
        session,
        serial=serial,
        patient_id=patient.id,
        staff=staff,
        due_on=(NOW + timedelta(days=7)).date(),
        now=NOW,
        code_minutes=10,
    )


def test_one_unit_asked_for_by_two_desks_goes_out_once(clinic):
    nurse, _, patients = world(clinic)
    answers = at_once(clinic, [lend(nurse, "AX-1", one) for one in patients[:2]])
    assert sorted(answers) == ["", "devices.still_open"]


def test_one_patient_at_two_desks_gets_one_unit(clinic):
    nurse, _, patients = world(clinic)
    answers = at_once(clinic, [lend(nurse, serial, patients[0]) for serial in UNITS])
    assert sorted(answers) == ["", "devices.patient_has_unit"]


def test_a_unit_given_back_at_two_desks_comes_back_once(clinic):
    nurse, _, patients = world(clinic)
    with clinic.write() as session:
        loan, _ = lend(nurse, "AX-1", patients[0])(session)
    give = lambda session: devices.return_(session, loan.id, nurse, "good", NOW)  # noqa: E731
    assert sorted(at_once(clinic, [give, give])) == ["", "devices.loan_ended"]


def test_many_desks_doing_anything_keep_loans_cases_and_the_audit_whole(clinic):
    nurse, physician, patients = world(clinic)
    random = Random(7)  # noqa: S311 - chance, no secret

    def anything(seed):
        mine = Random(seed)  # noqa: S311 - same

        def act(session):
            serial, patient = mine.choice(UNITS), mine.choice(patients)
            loan = session.exec(
                select(Issue).where(Issue.serial == serial).order_by(col(Issue.id).desc())
            ).first()
            match mine.randrange(7):
                case 0 | 1:
                    lend(nurse, serial, patient)(session)
                case 2 if loan:
                    devices.return_(session, loan.id, nurse, "good", NOW)
                case 3 if loan:
                    locked = devices.issue_by_id(session, loan.id)
                    later = locked.due_on + timedelta(days=1)
                    loans.extend(session, locked, nurse, later, "x", NOW)
                case 4:
                    devices.wipe(session, serial, nurse, NOW)
                    onward = mine.choice([one for one in UnitState if one != "retired"])
                    devices.set_state(session, serial, onward, nurse, NOW)
                case 5:
                    verb = mine.choice([CaseVerb.MEASURE, CaseVerb.PRESCRIBE_PLAN])
                    record_case(session, patient.id, verb, at=NOW, actor="system")
                case _:
                    changes.close_case(session, patient=patient, staff=physician, now=NOW)

        return act

    for _ in range(ROUNDS):
        at_once(clinic, [anything(random.random()) for _ in range(DESKS)])
        with clinic.read() as session:
            whole(session)


def whole(session):
    out = session.exec(select(Issue).where(col(Issue.returned_at).is_(None))).all()
    assert len({loan.serial for loan in out}) == len(out)
    assert len({loan.patient_id for loan in out}) == len(out)
    away = {loan.serial for loan in out}
    for unit in session.exec(select(Unit)):
        if unit.state in (UnitState.ISSUED, UnitState.IN_USE):
            assert unit.serial in away
        if unit.state is UnitState.AVAILABLE:
            assert unit.serial not in away
    cases = session.exec(select(CaseFile)).all()
    open_ = [case.patient_id for case in cases if case.closed_at is None]
    assert len(set(open_)) == len(open_)
    for case in cases:
        verbs = session.exec(
            select(CaseEvent.verb)
            .where(CaseEvent.case_id == case.id)
            .order_by(col(CaseEvent.id))
        ).all()
        assert verbs[0] is CaseVerb.OPEN_FILE
        assert (CaseVerb.CLOSE_CASE in verbs) is (case.closed_at is not None)
    assert verify_audit(session) is None
