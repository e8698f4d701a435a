"""What a phone says of itself: enrolment by code, and its state."""

from fastapi import APIRouter, Request, Response

from clinic_server.deps import AppDep, ClockDep, WriteSession, client_address
from clinic_server.devices import service
from clinic_server.devices.auth import CurrentIssue
from clinic_server.errors import Gone
from clinic_server.i18n import LOCALES
from clinic_server.patients import service as patients_service
from clinic_server.wire.care import PhoneReport
from clinic_server.wire.enrolment import EnrolRequest, EnrolResponse, IssuedUnit

router = APIRouter(prefix="/api", tags=["devices"])


@router.post("/enrol")
def enrol(
    wanted: EnrolRequest,
    request: Request,
    app: AppDep,
    session: WriteSession,
    now: ClockDep,
) -> EnrolResponse:
    """Make this phone the phone of the loan that the code stands for."""
    app.limits.pairing.check(client_address(request), now)
    loan, token = service.enrol(session, wanted.code, now, wanted.phone_name)
    app.limits.pairing.forget(client_address(request))
    patient = patients_service.patient_of_record(session, loan.patient_id)
    unit = service.unit_of(session, loan)
    locale = wanted.locale if wanted.locale in LOCALES else patient.locale
    return EnrolResponse(
        token=token,
        issue_id=loan.id or 0,
        patient_name=patient.name,
        locale=locale,
        unit=IssuedUnit(
            serial=unit.serial,
            model=unit.model,
            lead_names=unit.lead_names,
            fs_hz=unit.fs_hz,
            due_on=loan.due_on.isoformat(),
        ),
        contacts=patients_service.contacts_for(session, patient, app.settings, now),
        server_at=now,
    )


@router.post("/me/status", status_code=204)
def status(
    report: PhoneReport, issue: CurrentIssue, session: WriteSession, now: ClockDep
) -> Response:
    """Keep what the phone says of itself and the patch."""
    loan = service.issue_by_id(session, issue.id or 0)
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    service.phone_report(session, loan, report, now)
    return Response(status_code=204)
