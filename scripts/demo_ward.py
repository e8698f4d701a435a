"""The demo's ward: invented people and units, written through the product's services."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from clinic_server.alarms import thresholds
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices import service as devices
from clinic_server.migrations import run as migrations
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.patients.service import Admission
from clinic_server.plans import service as plans
from clinic_server.reports import service as reports
from clinic_server.settings import Settings
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff

LOANED, SPARE = 8, 4
CODE_MIN = 24 * 60
"""The demo's phones may be started a day after the ward was made."""

STAFF = (
    ("zhang", "张敏", Role.PHYSICIAN, "021-5555 0101"),
    ("wang", "王建国", Role.PHYSICIAN, "021-5555 0102"),
    ("chen", "陈护士", Role.NURSE, "021-5555 0199"),
    ("it", "信息科", Role.ADMIN, "021-5555 0110"),
)

# name, sex, birth year, diagnosis, procedure, days since, drugs, LVEF, heart on the chest
PEOPLE = (
    ("李秀英", "F", 1955, "急性下壁心肌梗死", "右冠支架 1 枚", 9,
     "阿司匹林、替格瑞洛、美托洛尔", 42, "pvc_then_vt"),
    ("吴国栋", "M", 1960, "不稳定型心绞痛", "前降支支架 1 枚", 5,
     "阿司匹林、氯吡格雷、阿托伐他汀", 55, "af"),
    ("陈志强", "M", 1948, "病态窦房结综合征", "", 0, "阿司匹林", 58, "pauses"),
    ("王淑兰", "F", 1951, "急性前壁心肌梗死", "前降支支架 2 枚", 12,
     "阿司匹林、替格瑞洛、培哚普利", 38, "ectopy"),
    ("刘建军", "M", 1963, "冠心病", "回旋支支架 1 枚", 7,
     "阿司匹林、氯吡格雷", 60, "sinus_calm"),
    ("黄美华", "F", 1958, "阵发性房颤", "射频消融", 3, "利伐沙班", 62, "bradycardia"),
    ("周桂兰", "F", 1943, "急性下壁心肌梗死", "右冠支架 1 枚", 3,
     "阿司匹林、替格瑞洛", 45, "lead_off_sometimes"),
    ("徐文斌", "M", 1966, "冠心病", "前降支支架 1 枚", 10,
     "阿司匹林、瑞舒伐他汀", 57, "tachy"),
    ("孙玉珍", "F", 1949, "冠心病", "前降支支架 1 枚", 20, "阿司匹林", 52, "sinus_calm"),
    ("马德福", "M", 1946, "二度房室传导阻滞", "起搏器植入", 15, "阿司匹林", 50, "paced"),
    ("朱红梅", "F", 1962, "急性心肌梗死", "右冠支架 1 枚", 1,
     "阿司匹林、替格瑞洛", 48, "ectopy"),
    ("欧阳守仁", "M", 1953, "心力衰竭", "", 0, "沙库巴曲缬沙坦", 33, "sinus_calm"),
)  # fmt: skip


@dataclass(frozen=True)
class SignIn:
    """A demo account."""

    username: str
    name: str
    role: str
    password: str


def make_ward(
    settings: Settings, folder: Path, monitored: int, now: datetime, speed: float
) -> None:
    """Make staff, patients, units and loans once; a folder that has them is left alone.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Gets ``sign-ins.json`` and ``phones.json``.
    monitored : int
        Patients who wear a unit.
    now : datetime
    speed : float
        How fast the virtual hearts beat their script.
    """
    if (folder / "phones.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    db = Database(settings.url, Bus())
    try:
        migrations.upgrade(db)
        with db.write() as session:
            sign_ins, phones = _fill(session, settings, monitored, now, speed)
    finally:
        db.close()
    secret = folder / "sign-ins.json"
    secret.touch(mode=0o600)
    secret.write_text(json.dumps([vars(one) for one in sign_ins], ensure_ascii=False))
    (folder / "phones.json").write_text(
        json.dumps({"phones": phones}, ensure_ascii=False, indent=1)
    )


def read_sign_ins(folder: Path) -> dict[str, SignIn]:
    """Read the accounts of a ward, by user name."""
    rows = json.loads((folder / "sign-ins.json").read_text())
    return {row["username"]: SignIn(**row) for row in rows}


def _fill(
    session: Session, settings: Settings, monitored: int, now: datetime, speed: float
) -> tuple[list[SignIn], list[dict[str, Any]]]:
    sign_ins, people = _staff(session, now)
    first, second, nurse = people["zhang"], people["wang"], people["chen"]
    for step, one in ((1, first), (2, second), (3, second)):
        staff_service.set_duty(
            session,
            staff_id=one.id or 0,
            step=step,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(days=30),
            now=now,
        )
    thresholds.override(
        session,
        first,
        patient_id=None,
        name="silence_low_min",
        value=1,
        reason="demo: silence shall be seen within two minutes",
        expires_at=None,
        now=now,
    )
    wearers = _patients(session, (first, second), nurse, now)
    serials = _units(session, max(monitored, LOANED) + SPARE, now)
    zone = ZoneInfo(settings.time_zone)
    phones = []
    for number, (patient, serial) in enumerate(zip(wearers, serials, strict=False)):
        if number >= monitored:
            break
        phones.append(_lend(session, patient, serial, number, nurse, now, speed))
        if number % 2 == 0:
            plans.prescribe(
                session,
                patient=patient,
                staff=first,
                template="after_pci",
                starts_on=now.astimezone(zone).date() - timedelta(days=1),
                zone=zone,
                now=now,
            )
    return sign_ins, phones


def _staff(session: Session, now: datetime) -> tuple[list[SignIn], dict[str, Staff]]:
    sign_ins, people = [], {}
    for username, name, role, phone in STAFF:
        password = "-".join(secrets.token_hex(2) for _ in range(3))
        people[username] = staff_service.create_staff(
            session,
            username=username,
            name=name,
            role=role,
            password=password,
            phone=phone,
            now=now,
        )
        sign_ins.append(SignIn(username, name, role.value, password))
    return sign_ins, people


def _patients(
    session: Session, physicians: tuple[Staff, Staff], nurse: Staff, now: datetime
) -> list[Patient]:
    made = []
    for number, person in enumerate(PEOPLE):
        name, sex, year, diagnosis, procedure, days, drugs, lvef, _heart = person
        operated = (now - timedelta(days=days)).date() if procedure else None
        fields = Admission(
            mrn=f"C-20261114-{number + 1:02d}",
            name=name,
            sex=sex,
            born_on=date(year, 1 + number, 3 + number),
            attending_id=physicians[number // 8].id or 0,
            phone=f"138 0000 {1000 + number}",
            emergency_name="家属",
            emergency_relation="女儿" if number % 2 == 0 else "儿子",
            emergency_phone=f"139 0000 {1000 + number}",
            diagnosis=diagnosis,
            procedure=procedure,
            procedure_on=operated,
            drugs=drugs,
            lvef_pct=lvef,
            has_pacemaker="起搏器" in procedure,
            pacemaker_lower_bpm=50 if "起搏器" in procedure else None,
            discharged_on=now.date(),
        )
        made.append(patients.admit(session, nurse, fields, now))
    return made


def _units(session: Session, count: int, now: datetime) -> list[str]:
    serials = [f"AX-{101 + number:04d}" for number in range(count)]
    for serial in serials:
        devices.register_unit(
            session,
            serial=serial,
            model="Anxin virtual patch",
            fs_hz=250.0,
            lead_names=["II"],
            firmware="1.0",
            now=now,
        )
    return serials


def _lend(
    session: Session,
    patient: Patient,
    serial: str,
    number: int,
    nurse: Staff,
    now: datetime,
    speed: float,
) -> dict[str, Any]:
    loan, code = devices.issue(
        session,
        serial=serial,
        patient_id=patient.id or 0,
        staff=nurse,
        due_on=(now + timedelta(days=14 - 2 * number)).date(),
        accessories={"charger": True, "electrodes": 30, "electrode_lot": "L2611-08"},
        terms_signed=True,
        now=now,
        code_minutes=CODE_MIN,
    )
    return {
        "id": f"p{number + 1}",
        "name": patient.name,
        "code": code,
        "patch": {
            "heart": PEOPLE[number][-1],
            "seed": 100 + number,
            "speed": speed,
            "battery_pct": 96 - 7 * number,
        },
        "issue_id": loan.id,
    }


def put_record_on_chest(folder: Path, record: Path) -> str:
    """Let the second patient wear a real record instead of a scripted heart.

    Returns
    -------
    str
        The patient's name.
    """
    file = folder / "phones.json"
    table = json.loads(file.read_text())
    phone = table["phones"][min(1, len(table["phones"]) - 1)]
    speed = phone["patch"]["speed"]
    phone["patch"] = {"record": str(record.resolve()), "speed": speed}
    file.write_text(json.dumps(table, ensure_ascii=False, indent=1))
    return str(phone["name"])


def reach_patches(folder: Path, radio: bool) -> None:
    """Say how the phones reach their patches: over a virtual Bluetooth radio, or not."""
    file = folder / "phones.json"
    table = json.loads(file.read_text())
    for phone in table["phones"]:
        phone["patch"]["radio"] = radio
    file.write_text(json.dumps(table, ensure_ascii=False, indent=1))


def staff_named(session: Session, username: str) -> Staff:
    """Find a person of the ward."""
    return session.exec(select(Staff).where(Staff.username == username)).one()


def patient_without_unit(session: Session) -> Patient:
    """Find somebody the nurse may see who wears nothing yet."""
    nurse = staff_named(session, "chen")
    return next(
        patient
        for patient in patients.patients_of(session, nurse, datetime.now(UTC))
        if devices.open_issue_of(session, patient.id or 0) is None
    )


def free_serial(session: Session) -> str:
    """Find a unit that may be issued."""
    return next(
        unit.serial
        for unit in devices.all_units(session)
        if not devices.refusals(session, unit)
    )


def newest_report(session: Session, patient_id: int) -> int | None:
    """Find the number of a patient's newest report."""
    found = reports.reports_of(session, patient_id)
    return found[0].id if found else None
