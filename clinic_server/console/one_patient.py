"""What every page about one patient begins with."""

from sqlmodel import Session

from clinic_server.console.cards import Reader
from clinic_server.console.detail import Page
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.staff.page import StaffPage


def page_about(session: Session, frame: StaffPage, patient_id: int) -> tuple[Page, Patient]:
    """Give the page's frame and the patient, if this person may see them.

    Raises
    ------
    NotFound
        ``patients.unknown``.
    """
    patient = patients.patient_for(session, frame.staff, patient_id, frame.now)
    reader = Reader(frame.staff, frame.locale, {patient_id: patient}, {})
    return Page(session, reader, frame.zone, frame.now), patient
