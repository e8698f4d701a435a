"""A recording of another heart raises one question at the desk, and stops nothing."""

from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from clinic_server.analysis.live import LiveAnalysis
from clinic_server.analysis.wearer import WearerWatch
from clinic_server.plans import service as plans
from clinic_server.plans.models import WorkKind
from clinic_server.recordings import service as recordings
from sensors.virtual.hearts import named_heart
from tests.factories import segment_body

SECONDS = 150
GAIN = 200.0


def heart_counts(seed: int) -> np.ndarray:
    heart = named_heart("sinus_calm", seed=seed, fs_hz=250.0)
    mv = heart.read(SECONDS * 250).counts / heart.gain_counts_per_mv
    return np.rint(mv * GAIN).astype(np.int32)


@pytest.fixture
def loan(clinic, ward, clock):
    phone = clinic.phone(ward.code)
    live = LiveAnalysis(clinic.parts.db, clinic.parts.bus, clock, ZoneInfo("Asia/Shanghai"))

    def record(counts: np.ndarray) -> str:
        phone.recording_id = str(uuid4())
        phone.started_at = clock.now
        assert phone.announce().status_code == 200
        for seq, first in enumerate(range(0, len(counts), 2500)):
            body = segment_body(
                first, 2500, at=clock.now, counts=counts[first : first + 2500]
            )
            assert phone.put(seq, body).status_code == 201
        clock.forward(seconds=30)
        while live.round():
            pass
        return str(phone.recording_id)

    return record


def questions(clinic) -> list:
    with clinic.read() as session:
        return [
            item.detail
            for item in plans.worklist(session)
            if item.kind is WorkKind.CHECK_WEARER
        ]


def test_another_heart_is_asked_about_once_and_goes_on_recording(clinic, clock, loan):
    watch = WearerWatch()
    first = loan(heart_counts(1))
    watch.sweep(clinic.parts, clock.now)
    loan(heart_counts(2))
    watch.sweep(clinic.parts, clock.now)
    assert questions(clinic) == [], "the same heart"
    other = loan(-heart_counts(3))
    watch.sweep(clinic.parts, clock.now)
    (asked,) = questions(clinic)
    assert asked["recording_id"] == other
    assert asked["correlation"] < 0.7
    WearerWatch().sweep(clinic.parts, clock.now)  # the server was started again
    assert len(questions(clinic)) == 1
    with clinic.read() as session:
        for rid in (first, other):
            recording = recordings.recording_by_id(session, rid)
            assert recording.closed_at is None
            assert recording.stored_samples == SECONDS * 250


def test_noise_is_never_taken_for_another_heart(clinic, clock, loan):
    watch = WearerWatch()
    loan(heart_counts(1))
    rng = np.random.default_rng(3)
    loan(rng.normal(0, 60, (SECONDS * 250, 1)).astype(np.int32))
    watch.sweep(clinic.parts, clock.now)
    assert questions(clinic) == []


def test_the_question_is_on_the_desks_page_with_what_to_ask(clinic, clock, loan):
    loan(heart_counts(1))
    loan(-heart_counts(1))
    WearerWatch().sweep(clinic.parts, clock.now)
    desk = clinic.sign_in("zhang").get("/desk", headers={"Accept-Language": "zh-CN"}).text
    assert "贴片是否戴在本人身上" in desk
    assert "有没有给别人戴过" in desk
