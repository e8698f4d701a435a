"""The patient's side: home, SOS, what is being done, the doctor's answers."""

from datetime import timedelta

from fastapi import APIRouter

from clinic_server.alarms import service, sos, thresholds
from clinic_server.alarms.limits import Limits
from clinic_server.deps import AppDep, ClockDep, ReadSession, RowId, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.patients import service as patients_service
from clinic_server.plans import service as plans_service
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import (
    Advice,
    AdviceReply,
    Home,
    OpenEvent,
    Sos,
    VitalLimits,
)

router = APIRouter(prefix="/api/me", tags=["alarms"])
FRESH = timedelta(seconds=60)
"""Samples older than this are no monitoring, whatever the phone believes."""


@router.get("/inbox")
def inbox(session: ReadSession, issue: CurrentIssue) -> list[Advice]:
    """List the doctor's answers, newest first."""
    return service.advice_of(session, issue.patient_id)


@router.post("/inbox/{advice_id}/read")
def read_advice(
    advice_id: RowId,
    body: AdviceReply,
    session: WriteSession,
    issue: CurrentIssue,
    now: ClockDep,
) -> Advice:
    """Note that the patient has opened an answer; saying it again changes nothing."""
    row = service.mark_read(session, issue.patient_id, advice_id, body.reply, now)
    return service.advice_on_phone(row, staff_service.staff_by_id(session, row.sent_by))


@router.post("/sos")
def press_sos(
    body: Sos, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> OpenEvent:
    """Raise the alarm of the one button; the same press sent twice is one alarm."""
    return sos.press(session, issue, body, now)


@router.get("/events")
def events(session: ReadSession, issue: CurrentIssue, now: ClockDep) -> list[OpenEvent]:
    """List what the patient may follow, newest first."""
    return sos.open_events(session, issue.patient_id, now)


@router.get("/home")
def home(session: ReadSession, issue: CurrentIssue, app: AppDep, now: ClockDep) -> Home:
    """Say whether the patient is being watched, what is due, and whom to ring."""
    patient = patients_service.patient_of_record(session, issue.patient_id)
    recording = recordings_service.latest_for(session, issue.patient_id)
    last = None
    if recording is not None and recording.stored_samples:
        last = recordings_service.sample_time(recording, recording.end_sample)
    received = recording.last_received_at if recording else None
    fresh = last is not None and received is not None and now - received <= FRESH
    # the phone's clock may be wrong: samples that arrive are fresh by the server's clock
    # only if they also claim to be recent
    fresh = fresh and last is not None and abs(now - last) <= 2 * FRESH
    inbox = service.advice_of(session, issue.patient_id)
    return Home(
        server_at=now,
        patient_name=patient.name,
        monitored=fresh and bool(staff_service.on_duty(session, now, patient.site_id)),
        last_sample_at=last,
        tasks=plans_service.phone_tasks(session, issue.patient_id, now),
        unread=sum(advice.read_at is None for advice in inbox),
        events=sos.open_events(session, issue.patient_id, now),
        contacts=patients_service.contacts_for(session, patient, app.settings, now),
        due_on=issue.due_on.isoformat(),
        returned=issue.returned_at is not None,
        medicines=patient.drugs,
        limits=_vital_limits(thresholds.limits_for(session, patient, now)),
    )


def _vital_limits(limits: Limits) -> VitalLimits:
    return VitalLimits(
        systolic_low_mmhg=limits["sbp_low_mmhg"],
        systolic_high_mmhg=limits["sbp_high_mmhg"],
        spo2_low_pct=limits["spo2_low_pct"],
        glucose_low_mmol_l=limits["glucose_low_mmol_l"],
        glucose_high_mmol_l=limits["glucose_high_mmol_l"],
        weight_gain_kg=limits["weight_gain_kg"],
    )
