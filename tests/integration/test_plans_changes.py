"""A running plan is moved, cancelled, fulfilled by what happened, and closed."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from clinic_server.patients import service as patients
from clinic_server.plans.models import Task, WorkItem
from clinic_server.recordings.models import Recording
from clinic_server.staff import audit
from clinic_server.staff.models import Role
from clinic_server.wire.care import TaskKind, TaskState
from tests import factories as make


@pytest.fixture
def people(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
        make.make_staff(session, "stranger", Role.PHYSICIAN)
    zhang = clinic.sign_in("zhang")
    answer = zhang.post(
        f"/console/patients/{ward.patient_id}/plan",
        json={"template": "after_pci", "starts_on": "2026-11-23"},
    )
    assert answer.status_code == 201
    return zhang, clinic.sign_in("chen"), clinic.sign_in("stranger")


def task_of(clinic, kind):
    with clinic.read() as session:
        return session.exec(
            select(Task).where(Task.kind == kind).order_by(col(Task.opens_at))
        ).first()


def test_a_missed_task_moves_to_another_day_and_can_be_missed_again(clinic, ward, people):
    task = task_of(clinic, TaskKind.REMOTE_CALL)
    clinic.clock.now = task.grace_until + timedelta(minutes=1)
    clinic.tick("plans.sweep")
    nurse = clinic.sign_in("chen")
    assert (
        f'data-task="{task.id}"'
        in clinic.sign_in("zhang").get(f"/console/patients/{ward.patient_id}").text
    )
    moved = nurse.post(f"/console/tasks/{task.id}/reschedule", json={"on": "2026-12-07"})
    assert moved.status_code == 204, moved.text
    again = task_of(clinic, TaskKind.REMOTE_CALL)
    assert again.state is TaskState.PLANNED
    assert again.opens_at.hour == task.opens_at.hour
    assert again.due_at - again.opens_at == task.due_at - task.opens_at
    clinic.clock.now = again.grace_until + timedelta(minutes=1)
    clinic.tick("plans.sweep")
    with clinic.read() as session:
        lines = session.exec(
            select(WorkItem).where(WorkItem.dedupe_key.startswith(f"missed:{task.id}:"))
        ).all()
        assert [line.outcome for line in lines] == ["rescheduled", ""]
        assert audit.verify_audit(session) is None


def test_a_task_does_not_move_into_the_past_and_strangers_cannot_move_it(
    clinic, ward, people
):
    zhang, _, stranger = people
    task = task_of(clinic, TaskKind.REMOTE_CALL)
    path = f"/console/tasks/{task.id}/reschedule"
    past = zhang.post(path, json={"on": "2026-11-22"})
    assert (past.status_code, past.json()["code"]) == (422, "plans.day_is_over")
    other = stranger.post(path, json={"on": "2026-12-02"})
    assert (other.status_code, other.json()["code"]) == (404, "plans.unknown_task")


def test_a_cancelled_task_is_neither_done_nor_cancelled_again(clinic, ward, people):
    zhang, nurse, _ = people
    task = task_of(clinic, TaskKind.REMOTE_CALL)
    assert nurse.post(f"/console/tasks/{task.id}/cancel", json={}).status_code == 403, (
        "a physician's decision"
    )
    path = f"/console/tasks/{task.id}/cancel"
    assert zhang.post(path, json={"reason": "moved away"}).status_code == 204
    assert zhang.post(path, json={}).json()["code"] == "plans.cancelled"
    done = nurse.post(f"/desk/tasks/{task.id}/done", json={"note": "spoke"})
    assert done.json()["code"] == "plans.cancelled"


def test_a_call_is_recorded_once_with_its_note(clinic, ward, people):
    _, nurse, _ = people
    task = task_of(clinic, TaskKind.REMOTE_CALL)
    path = f"/desk/tasks/{task.id}/done"
    assert nurse.post(path, json={"note": "no complaints"}).status_code == 204
    assert nurse.post(path, json={"note": "x"}).json()["code"] == "plans.already_done"
    page = clinic.sign_in("zhang").get(f"/console/patients/{ward.patient_id}").text
    assert "no complaints" in page


def test_a_preview_names_what_clashes_before_anything_is_prescribed(clinic, ward, people):
    zhang, _, stranger = people
    path = f"/console/patients/{ward.patient_id}/plan-preview"
    seen = zhang.get(path, params={"template": "after_pci", "starts_on": "2026-11-23"})
    assert seen.json()["findings"] == []
    late = zhang.get(path, params={"template": "after_pci", "starts_on": "2026-12-07"})
    assert any("cannot be finished" in line for line in late.json()["findings"])
    unknown = zhang.get(path, params={"template": "none", "starts_on": "2026-12-07"})
    assert unknown.status_code == 422
    other = stranger.get(path, params={"template": "after_pci", "starts_on": "2026-12-07"})
    assert other.status_code == 404


def test_the_return_and_the_stored_day_fulfil_their_tasks(clinic, ward, people):
    phone = clinic.phone(ward.code)
    assert phone.announce().status_code == 200
    assert phone.put(0).status_code == 201
    clinic.clock.forward(hours=2)
    clinic.tick("plans.fulfil")
    assert task_of(clinic, TaskKind.HOLTER_24H).state is not TaskState.DONE
    with clinic.write() as session:
        recording = session.get_one(Recording, phone.recording_id)
        # the first ten seconds stand for 23 hours: what is asked is the arithmetic
        recording.fs_hz = 2500 / (23 * 3600)
        session.add(recording)
    clinic.clock.forward(hours=22)
    clinic.tick("plans.fulfil")
    assert task_of(clinic, TaskKind.HOLTER_24H).state is TaskState.DONE
    nurse = clinic.sign_in("chen")
    back = nurse.post(f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"})
    assert back.status_code == 200
    clinic.tick("plans.fulfil")
    assert task_of(clinic, TaskKind.RETURN_DEVICE).state is TaskState.DONE


def test_the_case_closes_only_after_the_unit_is_back_and_ends_the_plan(
    clinic, ward, people
):
    zhang, nurse, stranger = people
    path = f"/console/patients/{ward.patient_id}/close-case"
    assert stranger.post(path).status_code == 404
    assert zhang.post(path).json()["code"] == "plans.unit_still_out"
    nurse.post(f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"})
    assert zhang.post(path).status_code == 204
    assert zhang.post(path).json()["code"] == "patients.no_open_case"
    with clinic.read() as session:
        verbs = [event.verb for event in patients.case_timeline(session, ward.patient_id)]
        states = set(session.exec(select(Task.state)).all())
    assert verbs[0] == "open_file"
    assert verbs[-1] == "close_case"
    assert states == {TaskState.CANCELLED}
    assert "Follow-up is closed" in zhang.get(f"/console/patients/{ward.patient_id}").text


def test_the_family_notice_is_read_back_on_the_patients_page(clinic, ward, people):
    zhang, nurse, _ = people
    path = f"/console/patients/{ward.patient_id}/family-notice"
    assert zhang.get(path).json() is None
    zhang.post(path, json={"text": "Please bring him on Thursday."})
    assert nurse.get(path).json()["text"] == "Please bring him on Thursday."
    assert nurse.get(path).json()["seen_at"] is None
