"""Exercise of a patient: the prescription, every session with its gate, the trace."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from clinic_server import timewords
from clinic_server.alarms import service as alarms
from clinic_server.analysis import service as analysis
from clinic_server.console.around import Around, around, recording_of
from clinic_server.console.detail import Page
from clinic_server.console.one_patient import page_about
from clinic_server.deps import ReadSession, RowId
from clinic_server.plans import service as plans
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording
from clinic_server.rehab import service as rehab
from clinic_server.rehab.limits import LIMITS, target_zone
from clinic_server.rehab.models import RehabPrescription, RehabSession
from clinic_server.rehab.routes import Exercise
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep
from clinic_server.wire.rehab import ExerciseKind

router = APIRouter(include_in_schema=False)
SHOWN = 80
"""Newest sessions on the page."""
LIKELY_REST_BPM = 70
"""To show a zone before the first resting minute is known."""


@router.get("/console/patients/{patient_id}/rehab")
def rehab_page(
    frame: PageDep,
    patient_id: RowId,
    session: ReadSession,
) -> HTMLResponse:
    """Show the prescription and every session that was asked for."""
    here, patient = page_about(session, frame, patient_id)
    rows = rehab.sessions_of(session, patient_id)
    plan = rehab.running(session, patient_id)
    rest = next((one.answers["rest_bpm"] for one in rows if one.answers["rest_bpm"]), None)
    return frame.show(
        "console_rehab.html",
        after=alarms.last_event_id(session),
        patient=patient,
        progress=rehab.progress(session, patient_id),
        prescription=_prescription(here, plan, rest or LIKELY_REST_BPM) if plan else None,
        rest_bpm=rest or LIKELY_REST_BPM,
        rest_known=rest is not None,
        form=_form(plan),
        limits=LIMITS,
        sessions=[_session(here, one) for one in rows[:SHOWN]],
        has_plan=plans.running_plan(session, patient_id) is not None,
        today=frame.now.astimezone(here.zone).date().isoformat(),
        may_prescribe=frame.staff.role is Role.PHYSICIAN,
    )


def _form(plan: RehabPrescription | None) -> dict[str, Any]:
    """Give what the form begins with: what is in force, or the defaults."""
    if plan is None:
        return Exercise().model_dump()
    return {name: getattr(plan, name) for name in Exercise.model_fields}


def _prescription(here: Page, plan: RehabPrescription, rest_bpm: int) -> dict[str, Any]:
    low, high = target_zone(rest_bpm, plan.max_bpm, plan.low_pct, plan.high_pct)
    work_s = plan.repeats * plan.work_s + (plan.repeats - 1) * plan.easy_s
    whole_s = plan.warm_up_s + work_s + plan.cool_down_s
    return {
        "by": staff_service.staff_by_id(here.session, plan.prescribed_by).name,
        "at": here.near(plan.prescribed_at),
        "risk": here.say(f"care.risk_{plan.risk}"),
        "zone": (low, high),
        "whole": timewords.span(whole_s, here.reader.locale),
        "plan": plan,
    }


def _session(here: Page, row: RehabSession) -> dict[str, Any]:
    result, answers = row.result, row.answers
    good_s = result.get("good_s") or 0
    in_zone = round(100 * result["in_zone_s"] / good_s) if good_s else None
    late = here.now - row.asked_at > rehab.PERMIT_FOR
    return {
        "id": row.id,
        "row": row,
        "walk": row.kind == ExerciseKind.WALK,
        "at": here.near(row.asked_at),
        "reasons": [here.say(f"care.refusal_{one}") for one in row.reasons],
        "pressure": (answers.get("systolic_mmhg"), answers.get("diastolic_mmhg")),
        "rest_bpm": answers.get("rest_bpm"),
        "permitted_by": staff_service.staff_by_id(here.session, row.permitted_by).name
        if row.permitted_by
        else "",
        "may_permit": rehab.may_be_permitted(row) and not late,
        "end": here.say(f"care.end_{row.end}") if row.end else "",
        "trained": timewords.span(result.get("trained_s", 0), here.reader.locale),
        "in_zone": in_zone,
        "distance_m": (result.get("walk") or {}).get("distance_m"),
        "efforts": [one["borg"] for one in result.get("readings", []) if one.get("borg")],
        "effort_zone": _effort_zone(here, row),
        "peak": _peak(here, row),
    }


def _effort_zone(here: Page, row: RehabSession) -> tuple[int, int]:
    plan = here.session.get_one(RehabPrescription, row.prescription_id)
    return plan.rpe_low, plan.rpe_high


def _peak(here: Page, row: RehabSession) -> Around | None:
    """Find the trace in the minute with the highest rate of the session."""
    result = row.result
    recording = recording_of(
        here.session, row.patient_id, str(result.get("recording_id") or "")
    )
    first, count = result.get("first_sample"), result.get("n_samples")
    if recording is None or first is None or count is None:
        return None
    return around(here, recording, _highest(here, recording, first, first + count))


def _highest(here: Page, recording: Recording, first: int, end: int) -> int:
    minute = 60 * recording.fs_hz
    since = recordings.sample_time(recording, first)
    inside = [
        one
        for one in analysis.trend(here.session, recording.id, since)
        if one.mean_bpm is not None and first <= (one.minute + 0.5) * minute < end
    ]
    if not inside:
        return (first + end) // 2
    return round((max(inside, key=lambda one: one.mean_bpm or 0).minute + 0.5) * minute)
