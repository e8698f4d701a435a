"""A threshold of the house is tried on all patients' last days before it can be saved."""

import time

import numpy as np
import pytest

from clinic_server.console.limits import ALL_PATIENTS
from clinic_server.console.site_replay import Question, SiteReplay
from clinic_server.errors import NotFound
from clinic_server.staff.models import Staff
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import scenarios
from tests import factories as make
from tests.factories import FS_HZ
from tests.integration.conftest import Clinic, Ward


def test_a_threshold_of_the_house_is_replayed_patient_by_patient(
    clinic: Clinic, ward: Ward
) -> None:
    with clinic.write() as session:
        doctor = session.get_one(Staff, ward.physician_id)
        make.make_patient(session, doctor, mrn="A0002")
    phone = clinic.phone(ward.code)
    assert phone.announce(gain_counts_per_mv=400.0).status_code == 200
    heart = VirtualHeart(scenarios()["pvc_then_vt"], seed=7, fs_hz=FS_HZ)
    for seq in range(10):
        counts = heart.read(2500).counts.astype(np.int32)
        body = make.segment_body(seq * 2500, counts=counts, at=phone.started_at)
        assert phone.put(seq, body).status_code == 201
    while clinic.app.state.live.round():
        pass
    clinic.clock.forward(minutes=5)
    browser = clinic.sign_in("zhang")
    asked = {"name": "vt_rate_bpm", "value": 90}
    refused = browser.post(
        "/console/limits/site-preview", json={"name": "silence_low_min", "value": 20}
    )
    assert refused.status_code == 422
    job = browser.post("/console/limits/site-preview", json=asked).json()
    assert (job["done"], job["patients"]) == (0, 2)
    deadline = time.monotonic() + 60
    while job["done"] < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        job = browser.get(f"/console/limits/site-preview/{job['number']}").json()
    assert (job["done"], job["failed"]) == (2, 0)
    found = job["found"]
    assert (found["patients"], found["complete"]) == (2, True)
    (e2,) = (one for one in found["rules"] if one["rule"] == "E2")
    assert e2["before"] >= 1
    assert (e2["patients_before"], e2["patients_after"]) == (1, 1)
    assert browser.get("/console/limits/site-preview/none").status_code == 404
    assert browser.get("/console/limits").status_code == 200


def test_a_restarted_server_goes_on_with_a_replay_where_it_was(
    clinic: Clinic, ward: Ward
) -> None:
    app, now = clinic.app.state.clinic, clinic.clock()
    killed = SiteReplay(app)
    killed.close()  # before its first patient was through
    asked = Question("vt_rate_bpm", 90, now - ALL_PATIENTS, now)
    number = killed.start(asked, ward.physician_id, [ward.patient_id])
    other = killed.start(asked, ward.physician_id, [ward.patient_id])
    with pytest.raises(NotFound):
        killed.look(number, ward.physician_id)  # another one took its place
    assert killed.look(other, ward.physician_id).done == 0
    started = SiteReplay(app)
    started.tick(now)
    deadline = time.monotonic() + 60
    while started.look(other, ward.physician_id).done < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    job = started.look(other, ward.physician_id)
    assert (job.done, job.patients, job.failed) == (1, 1, 0)
    assert [part.name for part in job.found] == ["vt_rate_bpm"]
    with pytest.raises(NotFound):
        started.look(other, ward.physician_id + 1)
    started.close()
