"""Who may open which door: every route is declared here and tried by everybody.

Own patient: 王建国 (A0001), attending zhang. Everybody else's names must not learn that he
exists. A route that is missing in `DOORS` fails the first test.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from fastapi.routing import APIRoute
from sqlmodel import Session

from analytics.holter import analyze_holter
from analytics.holter_report import Reading
from clinic_server.alarms.models import AdviceRow, Alarm, AlarmKind, Tier
from clinic_server.consults.models import ConsultRow
from clinic_server.devices.models import LoanPicture, PictureKind
from clinic_server.erasure.models import ErasureRequest, LegalHold
from clinic_server.family import service as family
from clinic_server.main import ROUTERS, system
from clinic_server.plans.models import Plan, Task, WorkItem, WorkKind
from clinic_server.rehab.models import RehabPrescription, RehabSession
from clinic_server.reports import archive, kept
from clinic_server.reports.models import Report
from clinic_server.staff.models import Role
from clinic_server.wire.care import TaskKind
from clinic_server.wire.ecg import sha256_hex
from tests import factories as make
from tests.factories import NOW, PASSWORD, Phone, segment_body
from tests.integration.conftest import Browser, Clinic

NAME, MRN = "王建国", "A0001"
PHYSICIAN = frozenset({"physician"})
CLINICAL = frozenset({"physician", "nurse", "technician"})
READING = frozenset({"physician", "technician"})
NURSING = frozenset({"physician", "nurse"})
ADMIN = frozenset({"admin"})
AUDITOR = frozenset({"auditor"})
EVERYBODY = CLINICAL | ADMIN | AUDITOR | {"quality"}
QUERY = {"after": 0, "upto": 0, "q": MRN, "code": MRN, "first": 0, "end": 2500} | {
    "template": "after_pci",
    "starts_on": "2026-11-24",
}
OTHER_ROLES = ("nurse", "technician", "admin", "quality", "auditor")
OPEN: frozenset[str] = frozenset({"open"})
PHONE: frozenset[str] = frozenset({"phone"})


@dataclass(frozen=True)
class Door:
    """Who may pass, whether one patient stands behind it, and a body that is valid."""

    roles: frozenset[str]
    bound: bool = False
    body: dict[str, Any] | None = None


DOORS: dict[str, Door] = {
    "GET /healthz": Door(OPEN),
    "GET /readyz": Door(OPEN),
    "GET /": Door(OPEN),
    "GET /patient": Door(OPEN),
    "GET /sign-in": Door(OPEN),
    "POST /sign-in": Door(OPEN),
    "POST /api/enrol": Door(OPEN, body={"code": "0000-0000"}),
    "GET /family/{token}": Door(OPEN),
    "GET /f": Door(OPEN),
    "GET /f/{name}": Door(OPEN),
    "POST /f/pin": Door(OPEN),
    "POST /f/call-me": Door(OPEN),
    "POST /f/seen": Door(OPEN),
    "POST /f/snooze": Door(OPEN),
    "POST /api/me/status": Door(
        PHONE, body={"at": NOW.isoformat(), "link": "up", "queue_segments": 0}
    ),
    "POST /api/me/recordings/{recording_id}": Door(
        PHONE,
        bound=True,
        body={
            "serial": "AX-0001",
            "fs_hz": 250,
            "lead_names": ["II"],
            "gain_counts_per_mv": 200,
            "started_at": NOW.isoformat(),
        },
    ),
    "PUT /api/me/recordings/{recording_id}/segments/{seq}": Door(PHONE, bound=True),
    "GET /api/me/recordings/{recording_id}": Door(PHONE, bound=True),
    "POST /api/me/recordings/{recording_id}/close": Door(
        PHONE, bound=True, body={"last_seq": 0}
    ),
    "GET /api/me/home": Door(PHONE),
    "GET /api/me/inbox": Door(PHONE),
    "POST /api/me/inbox/{advice_id}/read": Door(PHONE, bound=True, body={}),
    "POST /api/me/sos": Door(
        PHONE, body={"client_id": "12345678", "pressed_at": NOW.isoformat()}
    ),
    "GET /api/me/events": Door(PHONE),
    "GET /api/me/tasks": Door(PHONE),
    "POST /api/me/measurements": Door(PHONE, body={}),
    "GET /api/me/consults/time": Door(PHONE),
    "POST /api/me/tasks/{task_id}/done": Door(
        PHONE, bound=True, body={"done_at": NOW.isoformat(), "pulse_bpm": 60}
    ),
    "GET /api/me/consults": Door(PHONE),
    "POST /api/me/consults": Door(
        PHONE,
        bound=True,
        body={
            "recording_id": "{recording_id}",
            "first_sample": 0,
            "end_sample": 2500,
            "question": "心慌",
        },
    ),
    "GET /api/me/recordings/{recording_id}/screening": Door(PHONE, bound=True),
    "GET /console/consults/{consult_id}": Door(CLINICAL, bound=True),
    "POST /console/consults/{consult_id}/answer": Door(
        PHYSICIAN, bound=True, body={"opinion": "observe", "text": "继续观察"}
    ),
    "GET /api/me/diary": Door(PHONE),
    "POST /api/me/diary": Door(
        PHONE,
        body={
            "client_id": "diary-0001",
            "noted_at": NOW.isoformat(),
            "first_at": NOW.isoformat(),
            "last_at": NOW.isoformat(),
            "symptoms": ["dizzy"],
        },
    ),
    "GET /api/me/consents": Door(PHONE),
    "PUT /api/me/consents": Door(PHONE),
    "GET /api/me/traces": Door(PHONE),
    "POST /api/me/help": Door(
        PHONE,
        body={
            "client_id": "help-0001",
            "helper": "女儿",
            "act": "read",
            "at": NOW.isoformat(),
        },
    ),
    "GET /api/me/rehab": Door(PHONE),
    "POST /api/me/rehab/gate": Door(
        PHONE,
        body={
            "client_id": "rehab-0001",
            "asked_at": NOW.isoformat(),
            "new_chest_pain": False,
            "new_dyspnoea": False,
            "syncope": False,
            "weight_gain": False,
            "rest_good_s": 60,
            "rest_s": 60,
        },
    ),
    "POST /api/me/rehab/{session_id}/summary": Door(
        PHONE,
        bound=True,
        body={
            "ended_at": NOW.isoformat(),
            "end": "finished",
            "borg": 12,
            "trained_s": 60,
            "in_zone_s": 60,
            "good_s": 60,
        },
    ),
    "POST /console/patients/{patient_id}/rehab": Door(PHYSICIAN, bound=True, body={}),
    "POST /console/rehab/{session_id}/permit": Door(
        PHYSICIAN, bound=True, body={"reason": "可以"}
    ),
    "GET /api/me/family": Door(PHONE),
    "POST /api/me/family": Door(PHONE, body={"label": "女儿", "level": 1, "days": 7}),
    "DELETE /api/me/family/{link_id}": Door(PHONE, bound=True),
    "POST /api/me/family/{link_id}/level": Door(PHONE, bound=True, body={"level": 2}),
    "GET /api/me/family/{link_id}/looks": Door(PHONE, bound=True),
    "POST /sign-out": Door(EVERYBODY),
    "GET /account": Door(EVERYBODY),
    "GET /console/break-glass": Door(PHYSICIAN),
    "POST /console/break-glass": Door(PHYSICIAN),
    "POST /console/break-glass/{glass_id}/review": Door(PHYSICIAN),
    "GET /sign-in/code": Door(EVERYBODY),
    "POST /sign-in/code": Door(EVERYBODY),
    "POST /account/factor": Door(EVERYBODY),
    "POST /account/factor/remove": Door(EVERYBODY),
    "GET /console": Door(EVERYBODY),
    "GET /console/wall.json": Door(EVERYBODY),
    "GET /console/stream": Door(EVERYBODY),
    "GET /console/alarms": Door(EVERYBODY),
    "GET /console/alarms.json": Door(EVERYBODY),
    "GET /console/patients": Door(EVERYBODY),
    "GET /console/chest-pain": Door(EVERYBODY),
    "GET /console/calibration": Door(EVERYBODY),
    "GET /console/roster": Door(EVERYBODY),
    "POST /console/roster": Door(PHYSICIAN | ADMIN, body={}),
    "POST /console/roster/{duty_id}/end": Door(PHYSICIAN | ADMIN, body={}),
    "GET /console/board": Door(EVERYBODY),
    "GET /console/daily": Door(EVERYBODY),
    "GET /console/critical-values": Door(EVERYBODY),
    "GET /console/critical-values.csv": Door(EVERYBODY),
    "GET /console/critical-values.json": Door(EVERYBODY),
    "GET /console/alarm-statistics.json": Door(EVERYBODY),
    "GET /console/alarms/{alarm_id}": Door(CLINICAL, bound=True),
    "GET /console/alarms/{alarm_id}/live": Door(CLINICAL, bound=True),
    "GET /console/patients/{patient_id}": Door(CLINICAL, bound=True),
    "GET /console/patients/{patient_id}/limits.json": Door(CLINICAL, bound=True),
    "GET /console/recordings/{recording_id}/ecg": Door(CLINICAL, bound=True),
    "GET /console/reports/{report_id}": Door(CLINICAL, bound=True),
    "GET /console/reports/{report_id}.pdf": Door(CLINICAL, bound=True),
    "POST /console/alarms/{alarm_id}/acknowledge": Door(CLINICAL, bound=True, body={}),
    "POST /console/alarms/{alarm_id}/hand-over": Door(
        CLINICAL, bound=True, body={"to_staff_id": 1}
    ),
    "POST /console/alarms/{alarm_id}/snooze": Door(
        CLINICAL, bound=True, body={"until": "2026-11-23T09:00:00Z"}
    ),
    "POST /console/alarms/{alarm_id}/decide": Door(
        PHYSICIAN, bound=True, body={"opinion": "observe", "text": "继续观察"}
    ),
    "POST /console/alarms/{alarm_id}/adjudicate": Door(
        CLINICAL, bound=True, body={"finding": "true"}
    ),
    "POST /console/alarms/{alarm_id}/close": Door(
        CLINICAL, bound=True, body={"outcome": "observed"}
    ),
    "POST /console/alarms/{alarm_id}/call": Door(
        CLINICAL, bound=True, body={"whom": "patient", "outcome": "busy"}
    ),
    "POST /console/alarms/{alarm_id}/note": Door(
        CLINICAL, bound=True, body={"text": "已通话"}
    ),
    "POST /console/alarms/{alarm_id}/critical-value": Door(
        CLINICAL, bound=True, body={"told": "护士站", "read_back": True}
    ),
    "POST /console/limits": Door(
        PHYSICIAN,
        bound=True,
        body={"patient_id": 1, "name": "tachy_u_bpm", "value": 130, "reason": "x"},
    ),
    "GET /console/patients/{patient_id}/limits": Door(CLINICAL, bound=True),
    "GET /console/limits": Door(EVERYBODY),
    "POST /console/limits/site-preview": Door(
        PHYSICIAN, body={"name": "tachy_u_bpm", "value": 130}
    ),
    "GET /console/limits/site-preview/{number}": Door(PHYSICIAN),
    "POST /console/limits/preview": Door(
        PHYSICIAN,
        bound=True,
        body={"patient_id": 1, "name": "tachy_u_bpm", "value": 130},
    ),
    "POST /console/patients/{patient_id}/export": Door(PHYSICIAN, bound=True),
    "GET /api/me/erasure": Door(PHONE),
    "POST /api/me/erasure": Door(PHONE),
    "DELETE /api/me/erasure": Door(PHONE),
    "GET /erasures": Door(NURSING),
    "GET /erasures/{erasure_id}": Door(NURSING, bound=True),
    "POST /erasures/{erasure_id}/agree": Door(
        PHYSICIAN, bound=True, body={"password": PASSWORD, "copy_of_file": "given"}
    ),
    "POST /erasures/{erasure_id}/carry-out": Door(
        NURSING, bound=True, body={"password": PASSWORD}
    ),
    "POST /erasures/{erasure_id}/withdraw": Door(
        NURSING, bound=True, body={"reason": "本人改变主意"}
    ),
    "POST /erasures/{erasure_id}/reopen": Door(
        PHYSICIAN, bound=True, body={"reason": "再次就诊"}
    ),
    "GET /console/patients/{patient_id}/erasure": Door(NURSING, bound=True),
    "POST /console/patients/{patient_id}/erasure": Door(
        NURSING, bound=True, body={"proved_by": "身份证"}
    ),
    "POST /console/patients/{patient_id}/erasure/hold": Door(
        PHYSICIAN, bound=True, body={"reason": "医疗争议"}
    ),
    "POST /console/patients/{patient_id}/erasure/hold/{hold_id}/lift": Door(
        PHYSICIAN, bound=True
    ),
    "GET /admin": Door(ADMIN),
    "GET /admin/house": Door(ADMIN | NURSING),
    "POST /admin/departments": Door(ADMIN, body={}),
    "POST /admin/departments/{department_id}": Door(ADMIN, body={}),
    "POST /admin/rules": Door(ADMIN, body={}),
    "POST /admin/kits": Door(ADMIN | {"nurse"}, body={}),
    "POST /admin/templates": Door(PHYSICIAN, body={}),
    "POST /admin/templates/{template_id}/end": Door(PHYSICIAN),
    "GET /admin/people/{person_id}": Door(ADMIN),
    "POST /admin/people": Door(ADMIN, body={}),
    "POST /admin/people/{person_id}": Door(ADMIN, body={}),
    "POST /admin/people/{person_id}/password": Door(ADMIN, body={}),
    "POST /admin/people/{person_id}/sessions/{ref}/end": Door(ADMIN),
    "POST /admin/people/{person_id}/factor/remove": Door(ADMIN),
    "POST /admin/sites": Door(ADMIN, body={}),
    "GET /account/sessions": Door(EVERYBODY),
    "POST /account/sessions/{ref}/end": Door(EVERYBODY),
    "POST /account/password": Door(EVERYBODY, body={}),
    "GET /audit": Door(AUDITOR),
    "POST /audit/verify": Door(AUDITOR),
    "GET /audit.csv": Door(AUDITOR),
    "POST /console/channels": Door(ADMIN, body={}),
    "POST /console/channels/{name}/test": Door(ADMIN),
    "POST /console/patients/{patient_id}/plan": Door(
        PHYSICIAN, bound=True, body={"template": "after_pci", "starts_on": "2026-11-24"}
    ),
    "GET /console/patients/{patient_id}/plan-preview": Door(PHYSICIAN, bound=True),
    "GET /console/patients/{patient_id}/calendar": Door(CLINICAL, bound=True),
    "GET /console/patients/{patient_id}/diary": Door(CLINICAL, bound=True),
    "GET /console/patients/{patient_id}/rehab": Door(CLINICAL, bound=True),
    "POST /console/patients/{patient_id}/tasks": Door(
        PHYSICIAN, bound=True, body={"kind": "clinic_visit", "on": "2026-12-01"}
    ),
    "POST /desk/patients/{patient_id}/follow-up": Door(
        NURSING, bound=True, body={"kind": "remote_call"}
    ),
    "GET /console/follow-up": Door(EVERYBODY),
    "GET /console/tasks/{task_id}": Door(CLINICAL, bound=True),
    "POST /console/tasks/{task_id}/cancel": Door(PHYSICIAN, bound=True, body={}),
    "POST /console/tasks/{task_id}/reschedule": Door(
        NURSING, bound=True, body={"on": "2026-11-25"}
    ),
    "POST /console/patients/{patient_id}/close-case": Door(PHYSICIAN, bound=True, body={}),
    "GET /console/patients/{patient_id}/family-notice": Door(CLINICAL, bound=True),
    "POST /console/patients/{patient_id}/family-notice/withdraw": Door(
        PHYSICIAN, bound=True, body={}
    ),
    "POST /console/patients/{patient_id}/family-notice": Door(
        PHYSICIAN, bound=True, body={"text": "一切平稳"}
    ),
    "GET /console/reports/{report_id}/reading": Door(READING, bound=True),
    "GET /console/reports/{report_id}/reading/day": Door(READING, bound=True),
    "GET /console/reports/{report_id}/reading/tiles/{block}": Door(READING, bound=True),
    "GET /console/reports/{report_id}/reading/meta": Door(READING, bound=True),
    "GET /console/reports/{report_id}/reading/edits": Door(READING, bound=True),
    "GET /console/reports/{report_id}/reading/numbers": Door(READING, bound=True),
    "POST /console/reports/{report_id}/reading/edits": Door(
        READING,
        bound=True,
        body={
            "key": "00000000-0000-4000-8000-000000000001",
            "base": 0,
            "kind": "insert",
            "to": "N",
            "steps": [500],
        },
    ),
    "POST /console/reports/{report_id}/reading/waves": Door(
        READING, bound=True, body={"samples": [500]}
    ),
    "POST /console/reports/{report_id}/reading/measure": Door(READING, bound=True, body={}),
    "POST /console/reports/{report_id}/reading/preread": Door(READING, bound=True, body={}),
    "POST /console/reports/{report_id}/reading/prepare": Door(READING, bound=True, body={}),
    "POST /console/reports/{report_id}/note": Door(
        PHYSICIAN, bound=True, body={"text": "窦性心律"}
    ),
    "POST /console/reports/{report_id}/sign": Door(
        PHYSICIAN, bound=True, body={"password": PASSWORD, "patient_text": "一切平稳"}
    ),
    "POST /console/reports/{report_id}/amend": Door(
        PHYSICIAN, bound=True, body={"reason": "补充"}
    ),
    "GET /desk": Door(CLINICAL),
    "GET /desk/lookup": Door(CLINICAL),
    "GET /desk/issues/{issue_id}/signal": Door(CLINICAL, bound=True),
    "GET /desk/reminders": Door(CLINICAL),
    "POST /desk/issues/{issue_id}/remind": Door(NURSING, bound=True, body={}),
    "GET /desk/labels.pdf": Door(CLINICAL),
    "POST /desk/patients/{patient_id}/family-sheet": Door(NURSING, bound=True),
    "GET /desk/patients/{patient_id}/wristband.pdf": Door(CLINICAL, bound=True),
    "POST /desk/issues/{issue_id}/extend": Door(
        NURSING, bound=True, body={"due_on": "2026-12-20", "reason": "复诊推迟"}
    ),
    "GET /desk/issues/{issue_id}/papers": Door(CLINICAL, bound=True),
    "PUT /desk/issues/{issue_id}/pictures/{kind}": Door(NURSING, bound=True),
    "GET /desk/issues/{issue_id}/pictures/{kind}": Door(CLINICAL, bound=True),
    "GET /desk/certificates/{certificate_id}": Door(CLINICAL),
    "GET /desk/statistics": Door(CLINICAL),
    "POST /desk/units": Door(
        CLINICAL,
        body={"serial": "AX-77", "model": "AX-1", "fs_hz": 250, "lead_names": ["II"]},
    ),
    "GET /desk/import": Door(CLINICAL),
    "POST /desk/imports": Door(
        CLINICAL,
        bound=True,
        body={"patient_id": 1, "files": [{"name": "a.edf", "size_bytes": 9}]},
    ),
    "GET /desk/imports/{import_id}": Door(CLINICAL),
    "PUT /desk/imports/{import_id}/files/{number}": Door(CLINICAL),
    "POST /desk/imports/{import_id}/finish": Door(CLINICAL, body={"sha256": []}),
    "DELETE /desk/imports/{import_id}": Door(CLINICAL),
    "POST /desk/issue": Door(
        NURSING,
        bound=True,
        body={"serial": "AX-9", "patient_id": 1, "due_on": "2026-12-01"},
    ),
    "POST /desk/issues/{issue_id}/code": Door(NURSING, bound=True, body={}),
    "POST /desk/issues/{issue_id}/return": Door(
        NURSING, bound=True, body={"condition": "good"}
    ),
    "POST /desk/patients": Door(NURSING, body={}),
    "GET /desk/admit": Door(NURSING),
    "GET /desk/patients/{patient_id}/file": Door(NURSING, bound=True),
    "POST /desk/patients/{patient_id}/file": Door(
        NURSING,
        bound=True,
        body={"name": NAME, "sex": "M", "born_on": "1958-04-02", "attending_id": 1},
    ),
    "POST /desk/patients/{patient_id}/stamp/{step}": Door(NURSING, bound=True, body={}),
    "POST /desk/units/{serial}/state": Door(NURSING, body={"state": "testing"}),
    "POST /desk/units/{serial}/wipe": Door(NURSING, body={}),
    "POST /desk/tasks/{task_id}/done": Door(NURSING, bound=True, body={"note": "x"}),
    "POST /desk/work/{item_id}/done": Door(
        NURSING, bound=True, body={"outcome": "reached"}
    ),
}


def declared_routes() -> Iterator[str]:
    """Every route of the product as ``METHOD path``."""
    for router in (system, *ROUTERS):
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield from (f"{method} {route.path}" for method in route.methods or ())


def test_every_route_says_who_may_pass() -> None:
    routes = sorted(declared_routes())
    assert len(routes) == len(set(routes)), "a route is there twice"
    assert set(routes) - set(DOORS) == set(), "declare these in DOORS"
    assert set(DOORS) - set(routes) == set(), "these are gone"


@pytest.fixture
def database_url() -> str:
    """SQLite only: the question is the same on both."""
    return ""


@dataclass
class House:
    """Everybody who might knock, and the numbers of one patient's things."""

    clinic: Clinic
    staff: dict[str, Browser]
    phone: Phone
    other_phone: Phone
    ids: dict[str, Any]

    def path(self, route: str) -> tuple[str, str]:
        method, path = route.split(" ")
        return method, path.format(**self.ids)

    def knock(self, route: str, http: Any, headers: dict[str, str]) -> tuple[int, str]:
        """Try a route; give the status and what was said."""
        method, path = self.path(route)
        if method == "PUT":
            body = segment_body(0)
            headers = headers | {"X-Content-SHA256": sha256_hex(body)}
            answer = http.put(path, content=body, headers=headers)
            return answer.status_code, answer.text
        body_of = DOORS[route].body
        json = body_of and {
            name: value.format(**self.ids) if isinstance(value, str) else value
            for name, value in body_of.items()
        }
        if route == "GET /console/stream":
            with http.stream("GET", path, headers=headers) as answer:
                return answer.status_code, ""
        params = QUERY if method == "GET" else {}
        answer = http.request(method, path, json=json, params=params, headers=headers)
        return answer.status_code, answer.text


@pytest.fixture
def house(clinic: Clinic) -> House:
    """One patient with one of everything, and all callers."""
    with clinic.write() as session:
        own = make.make_staff(session, "zhang")
        other = make.make_staff(session, "li")
        make.make_staff(session, "nurse", Role.NURSE)
        make.make_staff(session, "technician", Role.TECHNICIAN)
        make.make_staff(session, "admin", Role.ADMIN)
        make.make_staff(session, "quality", Role.QUALITY)
        make.make_staff(session, "auditor", Role.AUDITOR)
        patient = make.make_patient(session, own)
        assert patient.name == NAME
        stranger = make.make_patient(session, other, mrn="B0002", name="李秀英")
        issue_id, code = make.issue_unit(session, own, patient)
        _, other_code = make.issue_unit(session, other, stranger, serial="AX-0002")
        make.make_unit(session, "AX-9")
    phone = clinic.phone(code)
    other_phone = clinic.phone(other_code, serial="AX-0002")
    assert phone.announce().status_code == 200
    assert phone.put(0).status_code == 201
    with clinic.write() as session:
        ids = _things(session, patient.id or 0, own.id or 0, phone.recording_id, issue_id)
    ids |= {"issue_id": issue_id, "serial": "AX-9"}
    names = {"own": "zhang", "other": "li"}
    names |= {role: role for role in OTHER_ROLES}
    staff = {role: clinic.sign_in(name) for role, name in names.items()}
    # a process would take seconds to start
    clinic.app.state.reading.make_pool = lambda: ThreadPoolExecutor(1)
    return House(clinic, staff, phone, other_phone, ids)


def _result() -> dict[str, Any]:
    """A report's numbers as the worker hands them over, of a minute of noise."""
    noise = np.random.default_rng(1).normal(0, 0.1, (15_000, 1))
    found = analyze_holter(noise, 250.0, lead_names=("II",), start_at=NOW)
    return found.to_json() | {"strip_beats": []}


def _things(
    session: Session,
    patient_id: int,
    staff_id: int,
    recording_id: str,
    issue_id: int,
) -> dict[str, Any]:
    alarm = Alarm(
        patient_id=patient_id,
        recording_id=recording_id,
        dedupe_key="test",
        rule="E1",
        tier=Tier.EMERGENCY,
        kind=AlarmKind.PHYSIOLOGICAL,
        code="alarms.vt",
        params={"beats": 12, "rate_bpm": 180},
        latching=True,
        onset_sample=500,
        offset_sample=2000,
        onset_at=NOW,
        received_at=NOW,
        raised_at=NOW,
    )
    plan = Plan(
        patient_id=patient_id,
        template="after_pci",
        starts_on=NOW.date(),
        prescribed_by=staff_id,
        prescribed_at=NOW,
    )
    report = Report(
        recording_id=recording_id,
        patient_id=patient_id,
        version=1,
        state="draft",
        algorithm="test",
        result=_result(),
        created_at=NOW,
    )
    empty = archive.keep(Reading((), (), ()), np.zeros(2500), 250.0, 250.0, "test")
    kept.keep(session, recording_id, empty, NOW)
    work = WorkItem(
        kind=WorkKind.CALL_PATIENT, patient_id=patient_id, dedupe_key="w", raised_at=NOW
    )
    session.add_all([alarm, plan, report, work])
    session.flush()
    advice = AdviceRow(
        patient_id=patient_id,
        alarm_id=alarm.id,
        kind="alarm",
        opinion="observe",
        text="继续观察",
        sent_by=staff_id,
        sent_at=NOW,
    )
    task = Task(
        plan_id=plan.id or 0,
        patient_id=patient_id,
        kind=TaskKind.VITALS,
        opens_at=NOW,
        due_at=NOW,
        grace_until=NOW.replace(hour=20),
    )
    consult = ConsultRow(
        patient_id=patient_id,
        issue_id=issue_id,
        recording_id=recording_id,
        first_sample=100,
        end_sample=2400,
        question="心慌",
        asked_at=NOW,
        answer_by=NOW,
    )
    signature = LoanPicture(
        issue_id=issue_id,
        kind=PictureKind.ISSUE_SIGNATURE,
        media_type="image/png",
        sha256="0" * 64,
        body=b"png",
        at=NOW,
        staff_id=staff_id,
    )
    prescription = RehabPrescription(
        patient_id=patient_id,
        sessions=12,
        risk="low",
        low_pct=60,
        high_pct=80,
        rest_low_bpm=50,
        warm_up_s=300,
        work_s=600,
        easy_s=120,
        repeats=2,
        cool_down_s=300,
        prescribed_by=staff_id,
        prescribed_at=NOW,
    )
    session.add_all([advice, task, consult, signature, prescription])
    session.flush()
    training = RehabSession(
        patient_id=patient_id,
        issue_id=issue_id,
        prescription_id=prescription.id or 0,
        client_id="rehab-0000",
        number=1,
        asked_at=NOW,
        answers={"rest_bpm": 62, "new_chest_pain": False},
        permitted=False,
        reasons=["chest_pain"],
    )
    erasure = ErasureRequest(
        patient_id=patient_id, asked_at=NOW, asked_by="phone:1", proved_by="paired phone"
    )
    hold = LegalHold(patient_id=patient_id, reason="争议", set_by=staff_id, set_at=NOW)
    session.add_all([training, erasure, hold])
    link, token = family.create_link(
        session,
        patient_id=patient_id,
        label="女儿",
        level=1,
        days=7,
        created_by="test",
        now=NOW,
    )
    session.flush()
    return {
        "patient_id": patient_id,
        "recording_id": recording_id,
        "alarm_id": alarm.id,
        "report_id": report.id,
        "advice_id": advice.id,
        "task_id": task.id,
        "consult_id": consult.id,
        "item_id": work.id,
        "session_id": training.id,
        "person_id": staff_id,
        "ref": "0" * 16,
        "kind": "issue_signature",
        "certificate_id": 1,
        "glass_id": 1,
        "import_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        "number": 0,
        "block": 0,
        "department_id": 1,
        "template_id": 1,
        "link_id": link.id,
        "erasure_id": erasure.id,
        "hold_id": hold.id,
        "duty_id": 1,
        "token": token,
        "name": "none",
        "step": "teach",
        "seq": 0,
    }


def _closed_to(route: str, role: str) -> bool:
    roles = DOORS[route].roles
    return not roles & {role, "physician" if role in ("own", "other") else role}


def test_nobody_passes_without_a_session_or_a_token(house: House) -> None:
    for route, door in DOORS.items():
        if door.roles == OPEN:
            continue
        for headers in ({}, {"Authorization": "Bearer " + "x" * 43}):
            status, _ = house.knock(route, house.clinic.client(), headers)
            assert status == 401, route


def test_a_phone_opens_no_staff_door_and_a_session_no_phones(house: House) -> None:
    for route, door in DOORS.items():
        if door.roles not in (OPEN, PHONE):
            status, _ = house.knock(route, house.phone.http, house.phone.headers)
            assert status == 401, route
        if door.roles == PHONE:
            browser = house.staff["own"]
            status, _ = house.knock(route, browser.http, {"X-CSRF": browser.csrf})
            assert status == 401, route


def test_another_phone_finds_nothing_of_this_patient(house: House) -> None:
    for route, door in DOORS.items():
        if door.roles != PHONE:
            continue
        status, said = house.knock(route, house.other_phone.http, house.other_phone.headers)
        assert NAME not in said, route
        if door.bound:
            # the announcement names a unit too, and that is refused first
            assert status in (404, 422), (route, status, said)
        else:
            assert status < 500, (route, said)


def test_the_other_team_and_who_works_on_no_ward_learn_nothing(house: House) -> None:
    for role in ("other", "admin", "quality", "auditor"):
        browser = house.staff[role]
        for route, door in DOORS.items():
            if door.roles in (OPEN, PHONE) or route == "POST /sign-out":
                continue
            status, said = house.knock(route, browser.http, {"X-CSRF": browser.csrf})
            where = (role, route, status, said[:200])
            assert NAME not in said, where
            assert status < 500, where
            if _closed_to(route, role) or door.bound:
                assert status in (403, 404), where


def test_a_role_passes_its_own_doors_and_no_others(house: House) -> None:
    for role in ("technician", "nurse", "own"):
        browser = house.staff[role]
        for route, door in DOORS.items():
            if door.roles in (OPEN, PHONE) or route == "POST /sign-out":
                continue
            status, said = house.knock(route, browser.http, {"X-CSRF": browser.csrf})
            where = (role, route, status, said[:300])
            assert status < 500, where
            if _closed_to(route, role):
                assert status in (403, 404), where
            elif role == "own" and door.bound:
                assert status not in (401, 403, 404), where
