"""Fill a database with a network of hospitals, to measure or to try it at full size.

    .venv/bin/python scripts/seed_site.py --database-url sqlite:///var/big.sqlite

65 hospitals with 100 units each and 5,000 patients: loans at every stage, ECG of the last
minutes, plans half done, worklists and open alarms. Rows are written in bulk, in the state
the services leave behind; nobody in them exists. Every person signs in with the password
in ``--password`` as ``nurse-01`` … ``nurse-65``, ``doctor-…`` and ``tech-…``.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import func, insert
from sqlmodel import Session, SQLModel, select

from clinic_server.alarms.models import Alarm, AlarmEvent, AlarmKind, Tier
from clinic_server.analysis.models import AnalysisCursor
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices.models import Issue, PhoneState, Unit, UnitState
from clinic_server.migrations import run as migrations
from clinic_server.patients.models import CaseEvent, CaseFile, CaseVerb, Patient
from clinic_server.plans.models import Plan, Task, WorkItem, WorkKind
from clinic_server.plans.templates import TEMPLATES, Window, lay_out
from clinic_server.recordings.models import Recording, Segment
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Duty, Role, Site, Staff
from clinic_server.staff.passwords import hash_password
from clinic_server.wire.care import TaskState
from clinic_server.wire.ecg import SegmentHeader, encode_segment, sha256_hex

ZONE = ZoneInfo("Asia/Shanghai")
FS_HZ = 250.0
WORN_S = 6 * 3600
TAIL_S = 10
OUT_SHARE = 0.6
"""Share of the units that are with a patient."""
AT_DESK = (
    *[UnitState.AVAILABLE] * 25, *[UnitState.RETURNED_DIRTY] * 6,
    *[UnitState.DISINFECTING] * 3, *[UnitState.TESTING] * 3, *[UnitState.REPAIR] * 1,
    *[UnitState.LOST] * 1, *[UnitState.RETIRED] * 1,
)  # fmt: skip
FAMILY = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
DONE_OF_TEN = 8
ALARMS_PER_SITE = 6
WORK_OF_MISSED = 4
"""Missed tasks of a patient that still are lines of the worklist."""


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    sites: int = 65
    units: int = 100
    """Per site."""
    patients: int = 5000
    """Over all sites."""


@dataclass
class Numbers:
    """The next free row number per table: rows that point at each other go in at once."""

    session: Session

    def __post_init__(self) -> None:
        self._next: dict[str, int] = {}

    def take(self, table: type[SQLModel]) -> int:
        """Give a number."""
        name = table.__name__
        if name not in self._next:
            newest = self.session.exec(select(func.max(table.id))).one()  # type: ignore[attr-defined]
            self._next[name] = newest or 0
        self._next[name] += 1
        return self._next[name]


Rows = dict[type[SQLModel], list[dict[str, Any]]]


def seed(db: Database, size: Size, password: str, now: datetime) -> dict[str, int]:
    """Fill an empty, migrated database.

    Returns
    -------
    dict of str to int
        Rows written per table.
    """
    random = Random(65)  # noqa: S311 - a reproducible crowd, no secret
    tail = _tail(now)
    hashed = hash_password(password, "")
    counts: dict[str, int] = {}
    with db.write() as session:
        numbers = Numbers(session)
        for site in range(1, size.sites + 1):
            share = size.patients * site // size.sites
            share -= size.patients * (site - 1) // size.sites
            rows = _site(numbers, random, site, size.units, share, hashed, tail, now)
            for table, some in rows.items():
                session.execute(insert(table), some)
                counts[table.__name__] = counts.get(table.__name__, 0) + len(some)
        staff_service.audit(
            session,
            at=now,
            actor_kind="system",
            actor_id="",
            action="seed.fill",
            object_kind="database",
            object_id="",
            detail=counts,
        )
        _move_sequences(session, counts)
    return counts


def _move_sequences(session: Session, counts: Mapping[str, int]) -> None:
    """PostgreSQL numbers by a sequence of its own: it must stand behind ours."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in SQLModel.metadata.sorted_tables:
        if "id" in table.c and table.c.id.type.python_type is int:
            session.connection().exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608
                f' (SELECT COALESCE(MAX(id), 1) FROM "{table.name}"))'
            )


def _tail(now: datetime) -> bytes:
    """Pack the newest seconds of ECG; every recording ends with the same."""
    n = round(TAIL_S * FS_HZ)
    seconds = np.arange(n) / FS_HZ
    beat = np.exp(-(((seconds % 0.8) - 0.3) ** 2) / 0.0004)
    header = SegmentHeader(
        first_sample=round((WORN_S - TAIL_S) * FS_HZ),
        n_samples=n,
        n_leads=1,
        contact=True,
        gap_cause=None,
        phone_at=now,
        phone_mono_s=float(WORN_S),
    )
    return encode_segment(header, np.round(200 * beat).astype(np.int32)[:, None])


def _site(
    numbers: Numbers,
    random: Random,
    site: int,
    units: int,
    patients: int,
    hashed: str,
    tail: bytes,
    now: datetime,
) -> Rows:
    rows: Rows = {}

    def add(table: type[SQLModel], **fields: Any) -> int:
        if "id" in table.model_fields and "id" not in fields:
            fields["id"] = numbers.take(table)
        rows.setdefault(table, []).append(fields)
        return int(fields["id"]) if isinstance(fields.get("id"), int) else 0

    here = add(Site, name=f"第{site}医院", created_at=now)
    people = {
        kind: add(
            Staff,
            username=f"{kind}-{site:02d}",
            name=_name(random),
            role=role,
            password_hash=hashed,
            phone="021-5555 0100",
            locale="zh_CN",
            active=True,
            created_at=now,
            site_id=here,
        )
        for kind, role in (
            ("doctor", Role.PHYSICIAN),
            ("second", Role.PHYSICIAN),
            ("nurse", Role.NURSE),
            ("tech", Role.TECHNICIAN),
        )
    }
    for step, who in ((1, "doctor"), (2, "second"), (3, "second")):
        add(
            Duty,
            staff_id=people[who],
            step=step,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(days=30),
        )
    serials = [f"S{site:02d}-{number:04d}" for number in range(1, units + 1)]
    out = min(round(units * OUT_SHARE), patients)
    for number, serial in enumerate(serials):
        away = number < out
        state = UnitState.IN_USE if away else AT_DESK[(number - out) % len(AT_DESK)]
        ready = state in (UnitState.AVAILABLE, UnitState.IN_USE)
        add(
            Unit,
            serial=serial,
            model="AX-1",
            fs_hz=FS_HZ,
            lead_names=["II"],
            state=state,
            battery_pct=random.choice((40, 90, 100)),
            wiped_at=now if ready else None,
            disinfected_at=now if ready else None,
            tested_at=now if ready else None,
            created_at=now - timedelta(days=90),
            site_id=here,
        )
    for place in range(1, patients + 1):
        days = random.randint(0, 16)
        patient = add(
            Patient,
            **_person(random, site, place, now, days),
            attending_id=people["doctor" if place % 2 else "second"],
            site_id=here,
        )
        case = add(CaseFile, patient_id=patient, opened_at=now - timedelta(days=days))
        verbs = [CaseVerb.OPEN_FILE, CaseVerb.PRESCRIBE_PLAN]
        if place <= out:
            verbs.append(CaseVerb.ISSUE_DEVICE)
            _loan(
                add, random, serials[place - 1], patient, people["nurse"], days, tail, now
            )
        for verb in verbs:
            add(
                CaseEvent,
                case_id=case,
                verb=verb,
                at=now - timedelta(days=days),
                actor=f"staff:{people['nurse']}",
                detail={},
            )
        _plan(add, random, patient, people["doctor"], days, now)
    _alarms(add, rows, random, now)
    return rows


def _name(random: Random) -> str:
    return random.choice(FAMILY) + "".join(random.choices(GIVEN, k=2))


def _person(
    random: Random, site: int, place: int, now: datetime, days: int
) -> dict[str, Any]:
    home = (now - timedelta(days=days)).date()
    return {
        "mrn": f"H{site:02d}-{place:05d}",
        "name": _name(random),
        "sex": random.choice("FM"),
        "born_on": date(random.randint(1936, 1980), random.randint(1, 12), 5),
        "phone": "138 0000 0000",
        "emergency_phone": "139 0000 0000",
        "procedure": "前降支支架 1 枚",
        "procedure_on": home - timedelta(days=2),
        "lvef_pct": random.choice((35, 45, 55, None)),
        "place": place,
        "discharged_on": home,
        "created_at": now - timedelta(days=days),
    }


def _loan(
    add: Any,
    random: Random,
    serial: str,
    patient: int,
    nurse: int,
    days: int,
    tail: bytes,
    now: datetime,
) -> None:
    """Lend a unit; most send now, a tenth is silent."""
    issued = now - timedelta(days=days)
    loan = add(
        Issue,
        serial=serial,
        patient_id=patient,
        issued_at=issued,
        issued_by=nurse,
        due_on=(issued + timedelta(days=14)).date(),
        accessories={"charger": True, "electrodes": 30, "electrode_lot": "L2611-08"},
        terms_signed=True,
        enrolled_at=issued,
    )
    silent = timedelta(minutes=random.choice((0,) * 9 + (40, 200)))
    recording = str(UUID(int=random.getrandbits(128), version=4))
    heard = now - silent
    last = round(WORN_S * FS_HZ)
    add(
        Recording,
        id=recording,
        patient_id=patient,
        issue_id=loan,
        serial=serial,
        fs_hz=FS_HZ,
        lead_names=["II"],
        gain_counts_per_mv=200.0,
        started_at=heard - timedelta(seconds=WORN_S),
        created_at=heard - timedelta(seconds=WORN_S),
        next_seq=1,
        max_seq=0,
        end_sample=last,
        stored_samples=round(TAIL_S * FS_HZ),
        last_received_at=heard,
        last_contact=True,
    )
    add(
        Segment,
        recording_id=recording,
        seq=0,
        first_sample=last - round(TAIL_S * FS_HZ),
        end_sample=last,
        contact=True,
        sha256=sha256_hex(tail),
        phone_at=heard,
        phone_mono_s=float(WORN_S),
        received_at=heard,
        body=tail,
    )
    add(
        AnalysisCursor,
        recording_id=recording,
        sample=last,
        algorithm="seed",
        updated_at=heard,
        heart_rate_bpm=75.0,
        heart_rate_sample=last,
        rhythm="N",
        grade="A",
        contact=True,
        rule_state={},
    )
    add(
        PhoneState,
        issue_id=loan,
        reported_at=heard,
        phone_at=heard,
        battery_pct=80,
        phone_battery_pct=70,
        leads_on=[True],
        link="up",
    )


_WINDOWS: dict[tuple[str, date], Sequence[Window]] = {}


def _windows(template: str, starts_on: date) -> Iterator[tuple[int, Window]]:
    key = (template, starts_on)
    if key not in _WINDOWS:
        _WINDOWS[key] = lay_out(template, starts_on, ZONE)
    return enumerate(_WINDOWS[key])


def _plan(
    add: Any, random: Random, patient: int, physician: int, days: int, now: datetime
) -> None:
    began = now - timedelta(days=days)
    template = random.choice(sorted(TEMPLATES))
    plan = add(
        Plan,
        patient_id=patient,
        template=template,
        starts_on=began.date(),
        prescribed_by=physician,
        prescribed_at=began,
    )
    lines = 0
    for number, window in _windows(template, began.date()):
        state, done, missed = TaskState.PLANNED, None, None
        if window.grace_until <= now:
            state, missed = TaskState.MISSED, window.grace_until
            if number % 10 < DONE_OF_TEN:
                state, done, missed = TaskState.DONE, window.due_at, None
        elif window.opens_at <= now:
            state = TaskState.DUE
        task = add(
            Task,
            plan_id=plan,
            patient_id=patient,
            kind=window.kind,
            state=state,
            opens_at=window.opens_at,
            due_at=window.due_at,
            grace_until=window.grace_until,
            done_at=done,
            missed_at=missed,
            result={},
        )
        if missed is not None and lines < WORK_OF_MISSED:
            lines += 1
            add(
                WorkItem,
                kind=WorkKind.MISSED_TASK,
                patient_id=patient,
                dedupe_key=f"missed:{task}:{int(window.opens_at.timestamp())}",
                raised_at=missed,
                detail={"task_id": task, "task": window.kind},
            )


def _alarms(add: Any, rows: Rows, random: Random, now: datetime) -> None:
    """Raise some alarms of the site's own recordings, as the rules would."""
    if Recording not in rows:
        return
    tiers = (Tier.EMERGENCY, Tier.URGENT, Tier.DAILY)
    for number, recording in enumerate(rows[Recording][:ALARMS_PER_SITE]):
        at = now - timedelta(minutes=random.randint(1, 120))
        sample = round(WORN_S * FS_HZ) - round(TAIL_S * FS_HZ / 2)
        alarm = add(
            Alarm,
            patient_id=recording["patient_id"],
            recording_id=recording["id"],
            dedupe_key=f"seed:{recording['id']}",
            rule="U1",
            tier=tiers[number % len(tiers)],
            kind=AlarmKind.PHYSIOLOGICAL,
            code="alarms.tachy",
            params={"rate_bpm": 131},
            evidence={},
            latching=True,
            onset_sample=sample,
            offset_sample=sample + 500,
            onset_at=at,
            received_at=at,
            raised_at=at,
            policy=[],
        )
        add(
            AlarmEvent,
            alarm_id=alarm,
            patient_id=recording["patient_id"],
            kind="raised",
            at=at,
            detail={},
        )


def main() -> None:
    """Migrate the database that is named, and fill it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--sites", type=int, default=Size.sites)
    parser.add_argument("--units", type=int, default=Size.units, help="per site")
    parser.add_argument("--patients", type=int, default=Size.patients, help="in all")
    args = parser.parse_args()
    db = Database(args.database_url, Bus())
    began = time.perf_counter()
    try:
        migrations.upgrade(db)
        size = Size(args.sites, args.units, args.patients)
        counts = seed(db, size, args.password, datetime.now(UTC))
    finally:
        db.close()
    for name, count in sorted(counts.items()):
        print(f"{name:16} {count:>9,}")
    print(f"{time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
