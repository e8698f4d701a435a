"""The diary and the measurements of a patient, each with what the trace shows there."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from clinic_server.alarms import service as alarms
from clinic_server.console.around import around, recorded_at, recording_of
from clinic_server.console.detail import Page
from clinic_server.console.one_patient import page_about
from clinic_server.deps import ReadSession, RowId
from clinic_server.diary import service as diary
from clinic_server.diary.models import DiaryEntry
from clinic_server.plans import service as plans
from clinic_server.plans.models import Task
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings
from clinic_server.staff.page import PageDep
from clinic_server.wire.care import TaskKind

router = APIRouter(include_in_schema=False)
SHOWN = 60
"""Newest measurements on the page."""
VALUES = (
    "systolic_mmhg",
    "diastolic_mmhg",
    "pulse_bpm",
    "spo2_pct",
    "glucose_mmol_l",
    "weight_kg",
)


@router.get("/console/patients/{patient_id}/diary")
def diary_page(
    frame: PageDep,
    patient_id: RowId,
    session: ReadSession,
) -> HTMLResponse:
    """Show what the patient felt and measured, beside the trace."""
    here, patient = page_about(session, frame, patient_id)
    entries = [_entry(here, one) for one in diary.entries_of(session, patient_id)]
    linked = [one for one in entries if one["around"] and one["around"].says]
    done = plans.done_of(
        session, patient_id, (TaskKind.VITALS, TaskKind.SPOT_ECG), limit=SHOWN
    )
    return frame.show(
        "console_diary.html",
        after=alarms.last_event_id(session),
        patient=patient,
        entries=entries,
        linked=len(linked),
        sinus=sum(one["around"].sinus for one in linked),
        vitals=[_vital(here, one) for one in done if one.kind is TaskKind.VITALS],
        values=VALUES,
        spots=[_spot(here, one) for one in done if one.kind is TaskKind.SPOT_ECG],
    )


def _entry(here: Page, entry: DiaryEntry) -> dict[str, Any]:
    seen = None
    if entry.mark_id is not None:
        mark = reading.mark_by_id(here.session, entry.mark_id)
        recording = recordings.recording_by_id(here.session, mark.recording_id)
        seen = around(here, recording, mark.sample)
    event = diary.view(here.session, entry, here.now).event
    return {
        "when": _window(here, entry.first_at, entry.last_at),
        "noted": here.near(entry.noted_at),
        "symptoms": [here.say(f"care.symptom_{one}") for one in entry.symptoms],
        "lasted": entry.lasted_5_min,
        "severe": entry.severe,
        "note": entry.note,
        "alarm_id": event.alarm_id if event else None,
        "around": seen,
    }


def _window(here: Page, first: datetime, last: datetime) -> str:
    if (last - first).total_seconds() < 60:
        return here.near(first)
    return f"{here.near(first)} – {last.astimezone(here.zone):%H:%M}"


def _vital(here: Page, task: Task) -> dict[str, Any]:
    at = task.done_at or task.opens_at
    recording = recorded_at(here.session, task.patient_id, at)
    seen = (
        around(here, recording, recordings.sample_at(recording, at)) if recording else None
    )
    return {
        "at": here.near(at),
        "result": task.result,
        "around": seen,
    }


def _spot(here: Page, task: Task) -> dict[str, Any]:
    result = task.result
    recording = recording_of(
        here.session, task.patient_id, str(result.get("recording_id", ""))
    )
    seen = None
    if recording is not None and {"first_sample", "n_samples"} <= set(result):
        middle = result["first_sample"] + result["n_samples"] // 2
        seen = around(here, recording, middle)
    return {"at": here.near(task.done_at or task.opens_at), "around": seen}
