"""Lists of the console: patients by who needs somebody, alarms with their delays."""

from collections.abc import Sequence
from typing import Any

from clinic_server import timewords
from clinic_server.alarms import service as alarms_service
from clinic_server.alarms.models import AlarmKind
from clinic_server.alarms.service import AlarmView
from clinic_server.console import cards
from clinic_server.console.cards import TIER_WORD
from clinic_server.console.detail import Page, delay
from clinic_server.console.follow_up import follow_up
from clinic_server.devices import service as devices_service
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.reports import service as reports_service

_RANK = {"high": 0, "medium": 1, "low": 2, "": 3}


def alarm_rows(page: Page, views: Sequence[AlarmView]) -> list[dict[str, Any]]:
    """Give alarms as table rows: what, who, and each delay after the event."""
    return [
        {
            "id": view.id,
            "tier": TIER_WORD[view.tier],
            "technical": view.kind is AlarmKind.TECHNICAL,
            "title": cards.title(page.reader, view),
            "who": view.patient_name or page.say("console.the_system"),
            "at": page.near(view.onset_at),
            "state": view.state,
            "repeats": view.repeats,
            "received": delay(page, view, view.received_at),
            "raised": delay(page, view, view.raised_at),
            "acknowledged": delay(page, view, view.acknowledged_at),
            "answered": delay(page, view, view.answered_at),
            "read": delay(page, view, view.read_at),
            "outcome": view.outcome,
            "finding": view.adjudication.value if view.adjudication else "",
        }
        for view in views
    ]


def patient_rows(page: Page) -> list[dict[str, Any]]:
    """Give my patients: the highest open tier first, then by place."""
    worst: dict[int, AlarmView] = {}
    for view in alarms_service.open_alarms(page.session, page.reader.staff, page.now):
        worst.setdefault(view.patient_id or 0, view)
    rows = []
    for patient in page.reader.patients.values():
        top = worst.get(patient.id or 0)
        recording = recordings_service.latest_for(page.session, patient.id or 0)
        drafts = [
            report
            for report in reports_service.reports_of(page.session, patient.id or 0)
            if report.state == "draft"
        ]
        rows.append(
            {
                "patient": patient,
                "sex_age": cards.sex_and_age(page.reader, patient, page.now),
                "stay": cards.stay(page.reader, patient, page.now),
                "tier": TIER_WORD[top.tier] if top else "",
                "technical": top is not None and top.kind is AlarmKind.TECHNICAL,
                "alarm_id": top.id if top else None,
                "alarm": cards.title(page.reader, top) if top else "",
                "newest": _newest(page, recording),
                "draft_id": drafts[0].id if drafts else None,
            }
        )
    return sorted(rows, key=lambda row: (_RANK[row["tier"]], row["patient"].place))


def _newest(page: Page, recording: Any) -> str:
    if recording is None or recording.end_sample == 0:
        return ""
    at = recordings_service.sample_time(recording, recording.end_sample)
    return timewords.age((page.now - at).total_seconds(), page.reader.locale)


def _recordings(page: Page, patient: Patient) -> list[dict[str, Any]]:
    reports = reports_service.reports_of(page.session, patient.id or 0)
    rows = []
    for recording in recordings_service.recordings_of(page.session, patient.id or 0):
        own = [report for report in reports if report.recording_id == recording.id]
        rows.append(
            {
                "recording": recording,
                "from": page.near(recording.started_at),
                "length": timewords.span(
                    recording.end_sample / recording.fs_hz, page.reader.locale
                ),
                "stored_pct": round(
                    100 * recording.stored_samples / max(1, recording.end_sample)
                ),
                "open": recording.closed_at is None,
                "reports": [(report.id, report.version, report.state) for report in own],
            }
        )
    return rows


def patient_file(page: Page, patient_id: int) -> dict[str, Any]:
    """Give one patient's page.

    Raises
    ------
    NotFound
        ``patients.unknown``, also when the patient is somebody else's.
    """
    session, reader = page.session, page.reader
    patient = patients_service.patient_for(session, reader.staff, patient_id, page.now)
    loan = devices_service.open_issue_of(session, patient_id)
    return {
        **follow_up(page, patient, loan),
        "patient": patient,
        "sex_age": cards.sex_and_age(reader, patient, page.now),
        "stay": cards.stay(reader, patient, page.now),
        "loan": loan,
        "recordings": _recordings(page, patient),
        "pending": reports_service.jobs_pending(session, patient_id),
        "alarm_rows": alarm_rows(
            page,
            alarms_service.alarms_of_patient(session, reader.staff, patient_id, page.now),
        ),
    }
