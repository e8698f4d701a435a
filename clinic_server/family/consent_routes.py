"""Consents over HTTP, and what taking one back does at once."""

from fastapi import APIRouter

from clinic_server.consents import service
from clinic_server.deps import ClockDep, ReadSession, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.family import service as family
from clinic_server.plans import work
from clinic_server.plans.models import WorkKind
from clinic_server.wire.consent import ConsentPut, ConsentState, Purpose

router = APIRouter(prefix="/api/me/consents", tags=["consents"])


@router.get("")
def mine(session: ReadSession, issue: CurrentIssue) -> list[ConsentState]:
    """Say where every purpose stands."""
    return service.states_of(session, issue.patient_id)


@router.put("")
def decide(
    body: ConsentPut, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> list[ConsentState]:
    """Keep decisions; what was taken back ends at once.

    Without consent the family's pages close; a nurse hears when somebody no longer wants
    to be watched.
    """
    taken_back = service.decide(session, issue, body.decisions, now)
    if Purpose.FAMILY in taken_back:
        for link in family.links_of(session, issue.patient_id):
            family.revoke(
                session,
                link_id=link.id,
                patient_id=issue.patient_id,
                by=f"phone:{issue.id}",
                now=now,
            )
    if Purpose.CARE in taken_back:
        work.raise_work(
            session,
            kind=WorkKind.CALL_PATIENT,
            patient_id=issue.patient_id,
            dedupe_key=f"consent:{issue.id}:{now.isoformat()}",
            now=now,
            detail={"why": "consent_withdrawn"},
        )
    return service.states_of(session, issue.patient_id)
