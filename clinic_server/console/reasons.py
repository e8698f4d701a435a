"""Why an alarm fired, and why it may be wrong: always both, at most four lines each."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.alarms import service as alarms_service
from clinic_server.alarms.models import Adjudication, Alarm
from clinic_server.alarms.service import AlarmView
from clinic_server.console.cards import Reader, title
from clinic_server.i18n import catalogue
from clinic_server.recordings.models import Recording

MOST_LINES = 4
PATIENT_SPAN = timedelta(days=7)
CLINIC_SPAN = timedelta(days=30)
ENOUGH = 20
"""Below this many adjudicated alarms a share says little, and the line says so."""
TRUE = (Adjudication.TRUE, Adjudication.TRUE_NO_ACTION)
_MULTI_LEAD = 8
_SINGLE_LEAD_DOUBT = {
    "vt": "origin",
    "nsvt": "origin",
    "pvt": "origin",
    "svt_fast": "origin",
    "tachy": "origin",
    "preexcited_af": "origin",
    "af_new": "p_waves",
    "af_again": "p_waves",
    "af_fast": "p_waves",
    "vf": "artefact",
    "asystole": "electrode",
    "pause": "electrode",
    "pause_short": "electrode",
    "brady": "missed_beats",
}


def _text(reader: Reader, key: str, value: Any) -> str | None:
    """Say one measured value of the evidence; unknown keys are not shown."""
    code = f"console.evidence_{key}"
    if code not in catalogue(reader.locale):
        return None
    if isinstance(value, bool):
        return reader.say(f"{code}" if value else f"{code}_not")
    if isinstance(value, (int, float)):
        share = key.endswith("_share") or key in ("wide", "confidence", "contact")
        shown = f"{100 * value:.0f}" if share else f"{value:g}"
        return reader.say(code, value=shown)
    return reader.say(code, value=str(value))


def reasons(reader: Reader, view: AlarmView) -> list[tuple[str, bool]]:
    """Give lines of "why it fired" as (text, bold)."""
    lines: list[tuple[str, bool]] = []
    rule = f"console.rule_{view.rule}"
    if rule in catalogue(reader.locale):
        lines.append(
            (reader.say("console.rule", id=view.rule, what=reader.say(rule)), False)
        )
    lines.append((reader.say("console.measured", what=title(reader, view)), True))
    for key, value in view.evidence.items():
        if key in view.params:
            continue  # already in the sentence above
        said = _text(reader, key, value)
        if said:
            lines.append((said, False))
    return lines[:MOST_LINES]


def doubts(
    session: Session,
    reader: Reader,
    view: AlarmView,
    recording: Recording | None,
    now: datetime,
) -> list[tuple[str, bool]]:
    """Give lines of "why it may be wrong" as (text, bold): limits, then the record."""
    lines: list[tuple[str, bool]] = []
    what = _SINGLE_LEAD_DOUBT.get(view.code.rpartition(".")[2])
    if recording is not None and what is not None:
        if len(recording.lead_names) < _MULTI_LEAD:
            lines.append((reader.say(f"console.doubt_{what}"), False))
        if not view.evidence.get("contact"):
            lines.append((reader.say("console.doubt_contact"), False))
    elif recording is not None and len(recording.lead_names) == 1:
        lines.append((reader.say("console.doubt_single_lead"), False))
    if view.patient_id is not None:
        lines.append((_patient_record(session, reader, view, now), False))
    lines.append((_clinic_record(session, reader, view, now), False))
    return lines[-MOST_LINES:]


def _patient_record(
    session: Session, reader: Reader, view: AlarmView, now: datetime
) -> str:
    past = [
        one
        for one in alarms_service.alarms_of_patient(
            session, reader.staff, view.patient_id or 0, now
        )
        if one.rule == view.rule
        and one.adjudication is not None
        and one.raised_at > now - PATIENT_SPAN
        and one.id != view.id
    ]
    if not past:
        return reader.say("console.record_patient_none")
    true = sum(one.adjudication in TRUE for one in past)
    return reader.say("console.record_patient", n=len(past), true=true)


def _clinic_record(session: Session, reader: Reader, view: AlarmView, now: datetime) -> str:
    counts = session.exec(
        select(Alarm.adjudication, func.count())
        .where(
            Alarm.rule == view.rule,
            col(Alarm.adjudication).is_not(None),
            Alarm.raised_at > now - CLINIC_SPAN,
        )
        .group_by(col(Alarm.adjudication))
    ).all()
    n = sum(count for _, count in counts)
    true = sum(count for finding, count in counts if finding in TRUE)
    if n == 0:
        return reader.say("console.record_clinic_none")
    if n < ENOUGH:
        return reader.say("console.record_clinic_few", n=n, true=true)
    return reader.say("console.record_clinic", percent=round(100 * true / n), n=n)
