"""What the wearer may know of others: who looked, who helped."""

from fastapi import APIRouter

from clinic_server.consents import trace
from clinic_server.deps import ClockDep, ReadSession, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.wire.trace import HelperNote, Trace

router = APIRouter(prefix="/api/me", tags=["consents"])


@router.get("/traces")
def mine(session: ReadSession, issue: CurrentIssue, now: ClockDep) -> list[Trace]:
    """Say who looked at the wearer's data, and who helped on this phone."""
    return trace.traces_of(session, issue.patient_id, now)


@router.post("/help", status_code=204)
def helped(
    body: HelperNote, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> None:
    """Note what a relative did on the wearer's phone."""
    trace.note_help(session, issue, body, now)
