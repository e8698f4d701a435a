"""Alarms as the console's scripts get them: an `AlarmView` in words of the reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from clinic_server.alarms import service as alarms_service
from clinic_server.alarms.models import AlarmEvent, AlarmKind, Tier
from clinic_server.alarms.service import AlarmView
from clinic_server.console.moments import epoch_ms
from clinic_server.i18n import catalogue, t
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff

TIER_WORD: Mapping[Tier, str] = {
    Tier.EMERGENCY: "high",
    Tier.URGENT: "medium",
    Tier.DAILY: "low",
}
STORM = "T7"
STEP_KINDS = ("notified", "ack_expired", "reopened", "handed_over")
DONE_KINDS = ("called", "noted")
STRIP_S = 7.0
"""Seconds of ECG in the opened card."""
LEAD_IN_S = 1.5
"""Of these, before the event."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, in which language, and what they may see."""

    staff: Staff
    locale: str
    patients: Mapping[int, Patient]
    duty: Mapping[int, Staff]

    def say(self, code: str, **params: object) -> str:
        """Say a code in the reader's language."""
        return t(code, self.locale, **params)


def reader_for(session: Session, staff: Staff, locale: str, now: datetime) -> Reader:
    """Gather what every card needs, once per answer."""
    patients = patients_service.patients_of(session, staff, now)
    return Reader(
        staff=staff,
        locale=locale,
        patients={patient.id or 0: patient for patient in patients},
        duty=staff_service.on_duty(session, now, staff.site_id),
    )


def age_on(born_on: date, day: date) -> int:
    """Whole years."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


def sex_and_age(reader: Reader, patient: Patient, now: datetime) -> str:
    """Say ``女 71 岁``."""
    sex = reader.say("common.female" if patient.sex == "F" else "common.male")
    return reader.say("common.sex_age", sex=sex, years=age_on(patient.born_on, now.date()))


def stay(reader: Reader, patient: Patient, now: datetime) -> str:
    """Say what was done and how long ago: ``PCI 术后 9 天``."""
    what = patient.procedure or patient.diagnosis
    if not patient.procedure_on or not what:
        return what
    days = (now.date() - patient.procedure_on).days
    return reader.say("console.day_after", what=what, days=days)


def title(reader: Reader, view: AlarmView) -> str:
    """Say what happened, first words first; of a call for help what was said with it."""
    said = [f"care.symptom_{one}" for one in view.evidence.get("symptoms", ())]
    if view.code == "alarms.sos" and said:
        what = reader.say("common.list_comma").join(map(reader.say, said))
        return reader.say("console.sos_with", what=what)
    return title_of(reader, view.code, view.params)


def title_of(reader: Reader, code: str, params: Mapping[str, Any]) -> str:
    """Say what a code with its numbers means."""
    return reader.say(code, **params)


def short(reader: Reader, view: AlarmView) -> str:
    """Say it in the two words a tile has room for."""
    key = f"console.short_{view.code.rpartition('.')[2]}"
    return reader.say(key) if key in catalogue(reader.locale) else title(reader, view)


def initials(name: str) -> str:
    """Give a Chinese name as it is, a Latin one by its first letters."""
    words = name.split()
    if not name.isascii() or len(words) < 2:
        return name
    return "".join(word[0] for word in words).upper()


def called_next(reader: Reader, view: AlarmView) -> str:
    """Name who is called at the next step, the new one first."""
    to = view.next_step_to
    if "call_list" in to:
        return reader.say("console.call_list")
    steps = sorted((int(r[5:]) for r in to if r.startswith("duty:")), reverse=True)
    if steps:
        person = reader.duty.get(steps[0])
        return person.name if person else reader.say(f"console.duty_{steps[0]}")
    if "nurse" in to:
        return reader.say("console.device_desk")
    if "attending" in to:
        return reader.say("console.attending")
    return reader.say("console.administrator")


def _next(reader: Reader, view: AlarmView, since: datetime) -> dict[str, Any] | None:
    if view.next_step_at is None or not view.next_step_to:
        return None
    return {
        "at_ms": epoch_ms(view.next_step_at),
        "from_ms": epoch_ms(since),
        "who": called_next(reader, view),
    }


def _acknowledged(reader: Reader, view: AlarmView) -> dict[str, Any] | None:
    if view.ack_until is None or view.acknowledged_by is None:
        return None
    return {
        "by": view.acknowledged_by,
        "name": view.acknowledged_by_name,
        "short": initials(view.acknowledged_by_name),
        "me": view.acknowledged_by == reader.staff.id,
        "until_ms": epoch_ms(view.ack_until),
    }


def _strip(session: Session, view: AlarmView) -> dict[str, Any] | None:
    if view.recording_id is None or view.onset_sample is None:
        return None
    fs = recordings_service.recording_by_id(session, view.recording_id).fs_hz
    first = max(0, view.onset_sample - round(LEAD_IN_S * fs))
    return {
        "recording_id": view.recording_id,
        "first": first,
        "end": first + round(STRIP_S * fs),
    }


def note(reader: Reader, event: AlarmEvent | None) -> str:
    """Say what was done about an alarm last: a call and its outcome, or words."""
    if event is None or event.kind not in DONE_KINDS:
        return ""
    if event.kind == "noted":
        return str(event.detail.get("text", ""))
    whom = reader.say(f"console.called_{event.detail.get('whom', 'patient')}")
    outcome = reader.say(f"console.call_{event.detail.get('outcome', 'no_answer')}")
    return reader.say("console.called_and", whom=whom, outcome=outcome)


def _card(
    session: Session,
    reader: Reader,
    view: AlarmView,
    step: AlarmEvent | None,
    done: AlarmEvent | None,
    now: datetime,
) -> dict[str, Any]:
    patient = reader.patients.get(view.patient_id or 0)
    technical = view.kind is AlarmKind.TECHNICAL
    who, context = "", ""
    if patient is not None:
        who = f"{patient.name} {sex_and_age(reader, patient, now)}"
        context = stay(reader, patient, now)
    return {
        "id": view.id,
        "patient_id": view.patient_id,
        "tier": TIER_WORD[view.tier],
        "technical": technical,
        "digest": view.tier is Tier.DAILY and not technical,
        "title": title(reader, view),
        "short": short(reader, view),
        "who": who or reader.say("console.the_system"),
        "context": context,
        "onset_ms": epoch_ms(view.onset_at),
        "raised_ms": epoch_ms(view.raised_at),
        "repeats": view.repeats,
        "ack": _acknowledged(reader, view),
        "ack_expired": view.acknowledged_at is not None and view.state == "raised",
        "next": _next(reader, view, step.at if step else view.raised_at),
        "snoozed_until_ms": epoch_ms(view.snoozed_until),
        "decided_ms": epoch_ms(view.decided_at),
        "read_ms": epoch_ms(view.read_at),
        "cleared_ms": epoch_ms(view.cleared_at),
        "closed": view.closed_at is not None,
        "note": note(reader, done),
        "storm": view.rule == STORM,
        "strip": _strip(session, view),
    }


def cards(
    session: Session, reader: Reader, views: Sequence[AlarmView], now: datetime
) -> list[dict[str, Any]]:
    """Give alarms as the inbox and the tiles show them."""
    ids = [view.id for view in views]
    # where the countdown's bar begins: when the step now running was taken
    steps = alarms_service.newest_of_kinds(session, ids, STEP_KINDS)
    done = alarms_service.newest_of_kinds(session, ids, DONE_KINDS)
    return [
        _card(session, reader, view, steps.get(view.id), done.get(view.id), now)
        for view in views
    ]
