"""The discharge sheet and the wristband: a code on paper for relatives and for the desk.

The code holds the family page's address and, behind a ``#``, the record number. A phone
opens the page and never sends what follows the ``#``; the desk's scanner reads just that.
Whoever finds the paper sees the first level until the patient raises it in the app.
"""

from urllib.parse import quote
from zoneinfo import ZoneInfo

import segno
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clinic_server import timewords
from clinic_server.consents import service as consents
from clinic_server.deps import AppDep, ClockDep, LocaleDep, RowId, WriteSession
from clinic_server.devices import service as devices
from clinic_server.errors import Forbidden
from clinic_server.family import service
from clinic_server.i18n import t
from clinic_server.patients import service as patients
from clinic_server.staff.auth import Nurse
from clinic_server.templating import page
from clinic_server.wire.consent import Purpose

router = APIRouter()
SHEET_DAYS = 30


@router.post("/desk/patients/{patient_id}/family-sheet", include_in_schema=False)
def sheet(
    request: Request,
    patient_id: RowId,
    app: AppDep,
    session: WriteSession,
    staff: Nurse,
    now: ClockDep,
    locale: LocaleDep,
) -> HTMLResponse:
    """Make a printed code, and give the A5 sheet with the wristband to print."""
    patient = patients.patient_for(session, staff, patient_id, now)
    if consents.withheld(session, patient_id, Purpose.FAMILY):
        raise Forbidden("family.no_consent")
    link, token = service.create_link(
        session,
        patient_id=patient_id,
        label=t("family.sheet.label", locale),
        level=1,
        days=SHEET_DAYS,
        created_by=f"staff:{staff.id}",
        now=now,
        printed=True,
    )
    address = f"{app.settings.base_url}/family/{token}"
    loan = devices.open_issue_of(session, patient_id)
    return page(
        request,
        "family_sheet.html",
        locale=locale,
        clinic_name=app.settings.clinic_name,
        patient=patient,
        serial=loan.serial if loan else "",
        due_on=loan.due_on if loan else None,
        until=timewords.day(link.expires_at, ZoneInfo(app.settings.time_zone), locale),
        qr=_qr(f"{address}#{quote(patient.mrn, safe='')}"),
        emergency=patients.EMERGENCY_NUMBER,
    )


def _qr(content: str) -> str:
    """Draw a code that survives a scratch, as an address for an image."""
    return segno.make(content, error="q", micro=False).svg_data_uri(scale=4, border=2)
