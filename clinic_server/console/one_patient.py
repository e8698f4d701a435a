"""What every page about one patient begins with."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from clinic_server.console.cards import Reader
from clinic_server.console.detail import Page
from clinic_server.deps import App
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.staff.models import Staff


def page_about(
    session: Session, app: App, staff: Staff, locale: str, now: datetime, patient_id: int
) -> tuple[Page, Patient]:
    """Give the page's frame and the patient, if this person may see them.

    Raises
    ------
    NotFound
        ``patients.unknown``.
    """
    patient = patients.patient_for(session, staff, patient_id, now)
    reader = Reader(staff, locale, {patient_id: patient}, {})
    return Page(session, reader, ZoneInfo(app.settings.time_zone), now), patient
