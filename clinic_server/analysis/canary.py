"""The canary: a patient made by code, whose known VT must reach the inbox, again and again.

Every ten minutes 45 s of made ECG go through the segment writer onto the disk, through the
live analysis and the rules to an alarm. When that alarm can be read as a console reads it,
at the beat where it was put, the path is proven; it is closed and nobody is called. When it
does not come, the plant has an alarm. All that is known stands in rows: a restart, or a
second node, goes on from there.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from clinic_server.alarms import proof
from clinic_server.deps import App
from clinic_server.errors import ClinicError
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.wire.ecg import RecordingCreate, SegmentHeader, encode_segment

FS_HZ = 250.0
COUNTS_PER_MV = 400.0
EVERY = timedelta(minutes=10)
SHOT_S = 45.0
VT_S = (14.25, 30.0)
"""Where the run lies in a shot."""
NEAR_S = (-1.0, 4.0)
"""The alarm's onset may lie this far from the first wide beat: a change of the analysis
may need some beats to be sure."""
NOISE_MV = 0.008
Bump = tuple[float, float, float]
"""Centre and width in s from the R wave, height in mV."""
SINUS: tuple[Bump, ...] = (
    (-0.16, 0.022, 0.12),
    (-0.026, 0.008, -0.10),
    (0.0, 0.010, 1.0),
    (0.028, 0.009, -0.20),
    (0.24, 0.045, 0.28),
)
WIDE: tuple[Bump, ...] = (
    (-0.035, 0.024, -0.35),
    (0.02, 0.030, 1.4),
    (0.17, 0.045, -0.55),
)
_log = logging.getLogger(__name__)


def made_ecg() -> NDArray[np.int32]:
    """Make one shot: sinus at 72/min, a run of VT at 180/min, sinus again.

    Returns
    -------
    ndarray of int32, shape (11250, 1)
        ADC counts, the same every time.
    """
    t = np.arange(round(SHOT_S * FS_HZ)) / FS_HZ
    begin, end = VT_S
    sinus_s = [0.4 + i * 60 / 72 for i in range(17)]
    wide_s = [begin + i * 60 / 180 for i in range(round((end - begin) * 3))]
    after_s = [end + 0.9 + i * 60 / 76 for i in range(18)]
    ecg = np.zeros_like(t)
    for beats, bumps in ((sinus_s + after_s, SINUS), (wide_s, WIDE)):
        for at in beats:
            for centre, width, height in bumps:
                ecg += height * np.exp(-0.5 * ((t - at - centre) / width) ** 2)
    ecg += np.random.default_rng(12).normal(0.0, NOISE_MV, len(t))
    counts: NDArray[np.int32] = np.round(ecg * COUNTS_PER_MV).astype(np.int32)[:, None]
    return counts


@dataclass(frozen=True, slots=True)
class Shot:
    """One sending: the ``number``-th ten minutes of a UTC day."""

    midnight: datetime
    number: int

    @property
    def first_sample(self) -> int:
        """Where it lies in the day's recording."""
        return round(self.number * EVERY.total_seconds() * FS_HZ)

    @property
    def sent_at(self) -> datetime:
        """When its last sample has been taken."""
        return self.midnight + self.number * EVERY + timedelta(seconds=SHOT_S)


def newest_shot(now: datetime) -> Shot:
    """Give the shot whose last sample is the newest in the past."""
    taken = now.astimezone(UTC) - timedelta(seconds=SHOT_S)
    midnight = taken.replace(hour=0, minute=0, second=0, microsecond=0)
    return Shot(midnight, int((taken - midnight) / EVERY))


def body_of(shot: Shot) -> bytes:
    """Pack a shot as a phone does; the same bytes every time."""
    counts = made_ecg()
    header = SegmentHeader(
        first_sample=shot.first_sample,
        n_samples=len(counts),
        n_leads=1,
        contact=True,
        phone_at=shot.sent_at,
        phone_mono_s=shot.first_sample / FS_HZ,
    )
    return encode_segment(header, counts)


@dataclass
class Canary:
    """Sends and looks; one object per server process.

    Parameters
    ----------
    app : App
    """

    app: App
    _since: datetime = field(init=False)
    """Before the first shot of this process nothing can be overdue."""
    _sent: Shot | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._since = self.app.clock()

    def tick(self, now: datetime) -> None:
        """Send the shot that is due, see what has arrived, raise what is missing."""
        shot = newest_shot(now)
        if shot != self._sent and self._send(shot, now):
            self._sent = shot
        with self.app.db.read() as session:
            patient = patients_service.synthetic_patient(session)
            waiting = patient is not None and proof.is_waiting(session, patient.id or 0)
            overdue = proof.is_overdue(session, patient, self._since, EVERY, now)
        if waiting or overdue:
            with self.app.db.write() as session:
                self._look(session, now)

    def _send(self, shot: Shot, now: datetime) -> bool:
        with self.app.db.write() as session:
            patient = patients_service.synthetic_patient(session)
            if patient is None:
                patient = patients_service.admit_synthetic(session, now)
            if patient is None:
                return False  # nobody works here yet
            recording_id = _announce(session, patient, shot, now)
        body = body_of(shot)
        digest = hashlib.sha256(body).hexdigest()
        try:
            asyncio.run(
                self.app.writer.store(recording_id, None, shot.number, body, digest)
            )
        except ClinicError as refusal:
            # not stored: tried again by the next tick, and missed when it goes on
            _log.warning("the canary was not stored: %s", refusal.code)
            return False
        return True

    def _look(self, session: Session, now: datetime) -> None:
        patient = patients_service.synthetic_patient(session)
        if patient is None:
            return
        proof.settle(session, patient.id or 0, _is_the_run, now)
        proof.watch(session, patient, self._since, EVERY, now)


def _announce(session: Session, patient: Patient, shot: Shot, now: datetime) -> str:
    recording_id = str(uuid5(NAMESPACE_OID, f"canary:{patient.id}:{shot.midnight:%F}"))
    recordings_service.announce(
        session,
        recording_id,
        patient_id=patient.id or 0,
        issue_id=None,
        create=RecordingCreate(
            serial="CANARY",
            fs_hz=FS_HZ,
            lead_names=["II"],
            gain_counts_per_mv=COUNTS_PER_MV,
            started_at=shot.midnight,
        ),
        now=now,
    )
    return recording_id


def _is_the_run(onset_sample: int) -> bool:
    """Say whether an onset lies where the run of a shot begins."""
    inside = onset_sample % round(EVERY.total_seconds() * FS_HZ)
    return NEAR_S[0] <= inside / FS_HZ - VT_S[0] <= NEAR_S[1]
