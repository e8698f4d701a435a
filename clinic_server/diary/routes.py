"""The diary over HTTP."""

from fastapi import APIRouter

from clinic_server.deps import ClockDep, ReadSession, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.diary import service
from clinic_server.wire.diary import DiaryEntryView, DiaryNote

router = APIRouter(prefix="/api/me/diary", tags=["diary"])


@router.get("")
def mine(session: ReadSession, issue: CurrentIssue, now: ClockDep) -> list[DiaryEntryView]:
    """List what the wearer noted, newest first."""
    return [
        service.view(session, entry, now)
        for entry in service.entries_of(session, issue.patient_id)
    ]


@router.post("")
def note(
    body: DiaryNote, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> DiaryEntryView:
    """Keep an entry; a grave one raises an Emergency, once."""
    return service.view(session, service.note(session, issue, body, now), now)
