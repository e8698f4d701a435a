"""Questions of patients: in the inbox with their answer time, and a page to answer each."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from clinic_server.alarms import notice
from clinic_server.alarms import service as alarms_service
from clinic_server.console.cards import Reader, sex_and_age
from clinic_server.console.detail import (
    Page,
    baseline,
    context_rows,
    opinions,
    page_of,
    who_is,
)
from clinic_server.console.moments import epoch_ms, to_second
from clinic_server.consults import screening, service
from clinic_server.consults.models import ConsultRow
from clinic_server.deps import ReadSession, RowId
from clinic_server.patients import service as patients_service
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep
from clinic_server.wire.consult import Screening

router = APIRouter(include_in_schema=False)


def waiting(session: Session, reader: Reader, now: datetime) -> list[dict[str, Any]]:
    """Give the open questions of a reader's patients as the inbox shows them."""
    rows = service.open_consults(session, list(reader.patients))
    return [
        {
            "id": row.id,
            "who": f"{(one := reader.patients[row.patient_id]).name} "
            f"{sex_and_age(reader, one, now)}",
            "question": row.question,
            "asked_ms": epoch_ms(row.asked_at),
            "by_ms": epoch_ms(row.answer_by),
        }
        for row in rows
    ]


@router.get("/console/consults/{consult_id}")
def consult(
    frame: PageDep,
    consult_id: RowId,
    session: ReadSession,
) -> HTMLResponse:
    """Show one question: its ECG, what the machine saw, and the answer to write."""
    here = page_of(session, frame)
    row = service.consult_for(session, frame.staff, consult_id, frame.now)
    patient = patients_service.patient_for(session, frame.staff, row.patient_id, frame.now)
    recording = recordings_service.recording_by_id(session, row.recording_id)
    stretch = (row.first_sample, row.end_sample)
    found = screening.screen(session, recording, *stretch, frame.now)
    at = recordings_service.sample_time(recording, row.first_sample)
    seconds = round((row.end_sample - row.first_sample) / recording.fs_hz)
    return frame.show(
        "console_consult.html",
        after=alarms_service.last_event_id(session),
        consult=row,
        patient=patient,
        recording=recording,
        title=here.say("console.consult_of", name=patient.name),
        who=who_is(here, patient),
        asked_at=here.near(row.asked_at),
        answer_by=here.near(row.answer_by),
        late=row.answered_at is None and row.answer_by < frame.now,
        answered=_answered(here, row),
        stretch=here.say(
            "console.consult_stretch", at=to_second(at, here.zone), seconds=seconds
        ),
        machine=_machine(here, found),
        context_rows=context_rows(here, patient),
        opinions=opinions(here, patient),
        may_decide=frame.staff.role is Role.PHYSICIAN,
        data={
            "consult_id": row.id,
            "answered": row.answered_at is not None,
            "strip": _strip(row, recording),
            "baseline": baseline(here, row.patient_id, recording),
            "opinions": opinions(here, patient),
            "event_ms": epoch_ms(row.asked_at),
        },
    )


def _strip(row: ConsultRow, recording: Recording) -> dict[str, Any]:
    return {
        "recording_id": recording.id,
        "first": row.first_sample,
        "end": row.end_sample,
        "alarm": False,
        "onset": row.first_sample,
        "offset": row.end_sample,
        "running": False,
    }


def _machine(here: Page, found: Screening) -> str:
    if found.state != "assessable":
        return here.say(f"console.screening_{found.reason}")
    return here.say(
        "console.screening",
        rhythm=here.say(f"console.plain_{found.rhythm}"),
        rate=found.heart_rate_bpm,
    )


def _answered(here: Page, row: ConsultRow) -> str:
    if row.answered_at is None or row.answered_by is None:
        return ""
    read = notice.read_at(here.session, [row.advice_id or 0]).get(row.advice_id or 0)
    name = staff_service.staff_by_id(here.session, row.answered_by).name
    said = here.say("console.consult_answered", who=name, at=here.near(row.answered_at))
    after = (
        here.say("console.read_at", time=here.near(read))
        if read
        else here.say("console.not_read_yet")
    )
    return f"{said} · {after}"
