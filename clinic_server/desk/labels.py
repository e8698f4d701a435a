"""Labels for units and wristbands for patients, as PDF to print."""

import io
from typing import Annotated

import segno
from fastapi import APIRouter, Query
from starlette.responses import Response

from clinic_server import fonts
from clinic_server.deps import AppDep, ClockDep, LocaleDep, ReadSession, RowId
from clinic_server.devices import service as devices
from clinic_server.devices.models import UnitState
from clinic_server.i18n import t
from clinic_server.patients import service as patients
from clinic_server.reports.pdf import Label, render_labels
from clinic_server.staff.auth import DeskStaff

router = APIRouter()
MOST = 240
"""Ten sheets at once."""


@router.get("/desk/labels.pdf", response_class=Response)
def labels(
    app: AppDep,
    session: ReadSession,
    staff: DeskStaff,
    locale: LocaleDep,
    serial: Annotated[list[str] | None, Query(max_length=MOST)] = None,
) -> Response:
    """Print labels: of the named units, or of the whole fleet."""
    if serial:
        units = [devices.unit_for(session, staff, one) for one in serial]
    else:
        units = [
            unit
            for unit in devices.all_units(session, staff)
            if unit.state is not UnitState.RETIRED
        ][:MOST]
    clinic = app.settings.clinic_name
    phone = app.settings.clinic_phone
    lines = (clinic, t("desk.label.if_found", locale, phone=phone) if phone else "")
    sheet = [
        Label(
            unit.serial,
            tuple(line for line in (unit.model, *lines) if line),
            _qr(unit.serial),
        )
        for unit in units
    ]
    return _pdf(sheet, t("desk.label.title", locale), locale)


@router.get("/desk/patients/{patient_id}/wristband.pdf", response_class=Response)
def wristband(
    patient_id: RowId,
    session: ReadSession,
    staff: DeskStaff,
    now: ClockDep,
    locale: LocaleDep,
) -> Response:
    """Print a patient's wristband label: its code opens their loan at the desk."""
    patient = patients.patient_for(session, staff, patient_id, now)
    label = Label(patient.name, (patient.mrn, f"{patient.born_on}"), _qr(patient.mrn))
    return _pdf([label], t("desk.label.wristband", locale), locale)


def _qr(content: str) -> str:
    out = io.BytesIO()
    segno.make(content, error="q", micro=False).save(out, kind="svg", scale=4, border=2)
    return out.getvalue().decode()


def _pdf(sheet: list[Label], title: str, locale: str) -> Response:
    return Response(
        render_labels(sheet, title, locale, fonts.font_folders()),
        media_type="application/pdf",
        headers={"Cache-Control": "no-store"},
    )
