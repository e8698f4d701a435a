"""A patient, an issued unit, a phone: what server tests start from.

Rows are made through the services, as the product makes them; the phone speaks the wire.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import Session

from clinic_server.devices import service as devices
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.staff.models import Role, Staff
from clinic_server.wire.ecg import (
    SHA256_HEADER,
    SegmentHeader,
    encode_segment,
    sha256_hex,
)
from sensors.virtual.hearts import named_heart

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
FS_HZ = 250.0


def system_now() -> datetime:
    """The real time, for tests with real processes."""
    return datetime.now(UTC)


@cache
def _password_hash() -> str:
    cheap = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    return PasswordHash((cheap,)).hash(PASSWORD)


def make_staff(
    session: Session,
    username: str = "zhang",
    role: Role = Role.PHYSICIAN,
    now: datetime = NOW,
    **more: Any,
) -> Staff:
    """Add a person whose password is `PASSWORD`, hashed so that it is verified at once."""
    staff = Staff(
        username=username,
        name=more.pop("name", username.title()),
        role=role,
        password_hash=_password_hash(),
        created_at=now,
        **more,
    )
    session.add(staff)
    session.flush()
    return staff


def make_patient(
    session: Session,
    attending: Staff,
    mrn: str = "A0001",
    now: datetime = NOW,
    **more: Any,
) -> Patient:
    """Admit a patient."""
    fields = {
        "mrn": mrn,
        "name": "王建国",
        "sex": "M",
        "born_on": date(1958, 4, 2),
        "attending_id": attending.id,
    } | more
    admission = patients.Admission.model_validate(fields)
    return patients.admit(session, attending, admission, now)


def make_unit(session: Session, serial: str = "AX-0001", now: datetime = NOW) -> str:
    """Register a unit that may go out."""
    devices.register_unit(
        session, serial=serial, model="AX-1", fs_hz=FS_HZ, lead_names=["II"], now=now
    )
    return serial


KIT = [
    {"name": "charger"},
    {"name": "card"},
    {"name": "electrodes", "count": 30, "lot": "L2611-08"},
]
"""What a nurse hands over with a unit, as the desk sends it."""


def issue_unit(
    session: Session,
    staff: Staff,
    patient: Patient,
    serial: str = "AX-0001",
    now: datetime = NOW,
) -> tuple[int, str]:
    """Register and issue a unit; give the loan's number and the pairing code."""
    make_unit(session, serial, now)
    loan, code = devices.issue(
        session,
        serial=serial,
        patient_id=patient.id or 0,
        staff=staff,
        due_on=(now + timedelta(days=14)).date(),
        now=now,
        code_minutes=10,
    )
    return loan.id or 0, code


def ecg_counts(first_sample: int, n_samples: int, n_leads: int = 1) -> NDArray[np.int32]:
    """Samples that tell their own position: any mix-up shows."""
    mixed = np.arange(first_sample, first_sample + n_samples, dtype=np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(7))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    wave = (mixed >> np.uint64(52)).astype(np.int32) - 2048
    return np.stack([wave + lead for lead in range(n_leads)], axis=1)


def segment_body(
    first_sample: int,
    n_samples: int = 2500,
    *,
    n_leads: int = 1,
    at: datetime = NOW,
    counts: NDArray[np.int32] | None = None,
    **more: Any,
) -> bytes:
    """Pack a segment as a phone does."""
    header = SegmentHeader(
        first_sample=first_sample,
        n_samples=n_samples,
        n_leads=n_leads,
        contact=more.pop("contact", True),
        gap_cause=more.pop("gap_cause", None),
        phone_at=at,
        phone_mono_s=more.pop("phone_mono_s", first_sample / FS_HZ),
    )
    if counts is None:
        counts = ecg_counts(first_sample, n_samples, n_leads)
    return encode_segment(header, counts)


@dataclass
class Phone:
    """A phone on any HTTP client that has ``post``, ``put`` and ``get``."""

    http: Any
    token: str = ""
    serial: str = "AX-0001"
    started_at: datetime = NOW
    recording_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def headers(self) -> dict[str, str]:
        """Authorisation of this loan."""
        return {"Authorization": f"Bearer {self.token}"}

    def enrol(self, code: str) -> Any:
        """Become the phone of a loan."""
        answer = self.http.post("/api/enrol", json={"code": code})
        if answer.status_code == 200:
            self.token = answer.json()["token"]
        return answer

    def announce(self, **changes: Any) -> Any:
        """Announce the recording."""
        body = {
            "serial": self.serial,
            "fs_hz": FS_HZ,
            "lead_names": ["II"],
            "gain_counts_per_mv": 200.0,
            "started_at": self.started_at.isoformat(),
        } | changes
        return self.http.post(
            f"/api/me/recordings/{self.recording_id}", json=body, headers=self.headers
        )

    def put(self, seq: int, body: bytes | None = None, sha256: str | None = None) -> Any:
        """Send segment ``seq``: by default the ten seconds that begin at seq x 10 s."""
        if body is None:
            body = segment_body(seq * 2500, at=self.started_at)
        return self.http.put(
            f"/api/me/recordings/{self.recording_id}/segments/{seq}",
            content=body,
            headers=self.headers | {SHA256_HEADER: sha256 or sha256_hex(body)},
        )

    def state(self) -> Any:
        """Ask what is stored."""
        return self.http.get(
            f"/api/me/recordings/{self.recording_id}", headers=self.headers
        )

    def close(self, last_seq: int) -> Any:
        """Say that nothing follows."""
        return self.http.post(
            f"/api/me/recordings/{self.recording_id}/close",
            json={"last_seq": last_seq},
            headers=self.headers,
        )


def ectopic_segments(seconds: int, fs_hz: int = 250, at: datetime = NOW) -> list[bytes]:
    """Pack a scripted heart with ectopic beats, one lead, ten seconds a segment."""
    heart = named_heart("ectopy", seed=3, fs_hz=fs_hz, lead_names=("II",))
    step = 10 * fs_hz
    return [
        segment_body(
            first, step, at=at, counts=np.asarray(heart.read(step).counts, np.int32)
        )
        for first in range(0, seconds * fs_hz, step)
    ]
