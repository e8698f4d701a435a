"""The patient's side of alarms: SOS, what is being done, the doctor's answers."""

from typing import Annotated

from fastapi import APIRouter, Path

from clinic_server.alarms import service, sos
from clinic_server.deps import ClockDep, ReadSession, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import Advice, AdviceReply, OpenEvent, Sos

router = APIRouter(prefix="/api/me", tags=["alarms"])
RowId = Annotated[int, Path(ge=1, le=2**31 - 1)]


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
