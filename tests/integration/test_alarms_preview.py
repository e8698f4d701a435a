"""Replay before save: what a threshold would have done on stored beats and episodes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlmodel import Session, SQLModel, select

import clinic_server.tables  # noqa: F401 - every table
from clinic_server.alarms.models import Adjudication, Alarm, AlarmKind, LimitOverride, Tier
from clinic_server.analysis.live import LiveAnalysis
from clinic_server.analysis.preview import Preview, preview
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.errors import Unprocessable
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings
from clinic_server.recordings import store
from clinic_server.wire.ecg import RecordingCreate, decode_header, sha256_hex
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import scenarios
from tests import factories as make
from tests.factories import FS_HZ, NOW

ZONE = ZoneInfo("Asia/Shanghai")
RID = "11111111-1111-4111-8111-111111111111"
LENGTH_S = 100


class World:
    """A patient whose ECG holds one run of VT, analysed live."""

    def __init__(self, db: Database) -> None:
        self.db = db
        began = NOW - timedelta(seconds=LENGTH_S)
        with db.write() as session:
            doctor = make.make_staff(session, "doctor")
            self.patient = make.make_patient(session, doctor)
            issue_id, _ = make.issue_unit(session, doctor, self.patient)
            recording = recordings.announce(
                session,
                RID,
                patient_id=self.patient.id or 0,
                issue_id=issue_id,
                create=RecordingCreate(
                    serial="AX-0001",
                    fs_hz=FS_HZ,
                    lead_names=["II"],
                    gain_counts_per_mv=400,
                    started_at=began,
                ),
                now=began,
            )
            heart = VirtualHeart(
                scenarios()["pvc_then_vt"], seed=7, fs_hz=FS_HZ, lead_names=("II",)
            )
            counts = heart.read(int(LENGTH_S * FS_HZ)).counts
            for seq, part in enumerate(np.array_split(counts, 10)):
                first = seq * len(part)
                body = make.segment_body(first, len(part), counts=part, at=NOW)
                header, _ = decode_header(body)
                one = store.Incoming(RID, seq, header, body, sha256_hex(body), NOW)
                store.put(session, recording, one)
        live = LiveAnalysis(db, Bus(), lambda: NOW + timedelta(seconds=20), ZONE)
        while live.round():
            pass

    def preview(self, name: str, value: float, session: Session | None = None) -> Preview:
        with self.db.read() as own:
            found = own if session is None else session
            patient = found.get(Patient, self.patient.id)
            assert patient is not None
            return preview(
                found,
                [patient],
                name=name,
                value=value,
                since=NOW - timedelta(hours=24),
                zone=ZONE,
                now=NOW,
            )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("preview")
    db = Database(f"sqlite:///{folder / 'p.sqlite'}", Bus())
    SQLModel.metadata.create_all(db.engine)
    yield World(db)
    db.close()


def by_rule(found: Preview) -> dict[str, tuple[int, int]]:
    return {one.rule: (one.before, one.after) for one in found.rules}


def test_the_replay_with_the_limit_in_force_gives_what_was_raised_live(
    world: World,
) -> None:
    found = world.preview("vt_fast_bpm", 150)
    with world.db.read() as session:
        live = session.exec(select(Alarm.rule).where(Alarm.recording_id == RID)).all()
    assert live.count("E2") == 1
    assert by_rule(found)["E2"] == (1, 1)
    assert found.hours == pytest.approx(LENGTH_S / 3600, abs=0.002)
    assert found.complete


def test_a_more_sensitive_limit_shows_the_alarms_it_adds(world: World) -> None:
    found = world.preview("pvc_per_min", 2)
    before, after = by_rule(found)["U10"]
    assert after >= before
    assert not found.missed


def test_true_alarms_that_a_limit_would_lose_are_named(world: World) -> None:
    """With a low limit in force the PVCs are an alarm; at 60 per minute they are none."""
    with world.db.read() as session:  # written here, thrown away at its end
        for name, value in (("pvc_per_min", 2.0), ("pvc_minutes", 1.0)):
            row = LimitOverride(
                patient_id=world.patient.id,
                name=name,
                value=value,
                reason="test",
                set_by=1,
                set_at=NOW - timedelta(hours=1),
            )
            session.add(row)
        alarm = Alarm(
            patient_id=world.patient.id,
            recording_id=RID,
            dedupe_key="made",
            rule="U10",
            tier=Tier.URGENT,
            kind=AlarmKind.PHYSIOLOGICAL,
            code="alarms.pvc_burst",
            latching=False,
            onset_sample=round(30 * FS_HZ),
            onset_at=NOW,
            received_at=NOW,
            raised_at=NOW,
            adjudication=Adjudication.TRUE,
        )
        session.add(alarm)
        session.flush()
        lost = world.preview("pvc_per_min", 60, session)
        assert by_rule(lost)["U10"] == (1, 0)
        assert lost.current == 2
        assert lost.missed == [alarm.id]
        kept = world.preview("pvc_per_min", 3, session)
        assert kept.missed == []
        assert kept.true_alarms == 1


def test_a_limit_outside_its_rails_is_refused_before_anything_is_replayed(
    world: World,
) -> None:
    with pytest.raises(Unprocessable) as refused:
        world.preview("vt_fast_bpm", 170)
    assert refused.value.code == "alarms.limit_less_sensitive"
    with pytest.raises(Unprocessable) as refused:
        world.preview("battery_desk_pct", 15)
    assert refused.value.code == "alarms.preview_not_possible"
