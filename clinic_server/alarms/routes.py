"""What staff do about an alarm, over HTTP; the pages that ask for it are the console's."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.alarms import register, service, thresholds
from clinic_server.alarms.limits import LIMITS
from clinic_server.alarms.models import Adjudication
from clinic_server.alarms.views import AlarmView
from clinic_server.deps import AppDep, ClockDep, ReadSession, RowId, WriteSession
from clinic_server.notify import channels
from clinic_server.notify import service as notify_service
from clinic_server.staff.auth import Admin, CurrentStaff, Physician
from clinic_server.staff.models import Staff
from clinic_server.wire.care import Advice, Opinion

router = APIRouter(tags=["alarms"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcknowledgeBody(_Body):
    """Shorter than the tier's own time, or nothing; whose it was, to take it over."""

    minutes: int | None = Field(default=None, ge=1, le=24 * 60)
    instead_of: int | None = Field(default=None, ge=1, le=2**31 - 1)


class HandOverBody(_Body):
    """To whom."""

    to_staff_id: int = Field(ge=1, le=2**31 - 1)


class SnoozeBody(_Body):
    """Until when reminders of this rule and patient pause; at most 24 h."""

    until: AwareDatetime


class DecideBody(_Body):
    """The opinion, and the words the patient will read."""

    opinion: Opinion
    within_days: int | None = Field(default=None, ge=0, le=365)
    text: str = Field(min_length=1, max_length=1000)


class AdjudicateBody(_Body):
    """What it was."""

    finding: Adjudication


class CloseBody(_Body):
    """What it came to: one of `service.OUTCOMES`."""

    outcome: str = Field(min_length=1, max_length=32)
    patient_reached: bool | None = None


class CallBody(_Body):
    """A telephone call and its outcome."""

    whom: Literal["patient", "emergency_contact", "ambulance"]
    outcome: Literal["answered", "no_answer", "busy", "wrong_number"]


class NoteBody(_Body):
    """What was done, in a few words."""

    text: str = Field(min_length=1, max_length=80)


class CriticalValueBody(_Body):
    """Who was told, and whether it was read back."""

    told: str = Field(min_length=1, max_length=64)
    read_back: bool


class Decided(BaseModel):
    """The alarm, and the answer as the patient gets it."""

    alarm: AlarmView
    advice: Advice


def _view(session: Session, staff: Staff, alarm_id: int, now: datetime) -> AlarmView:
    return service.alarm_view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/acknowledge")
def acknowledge(
    alarm_id: RowId,
    body: AcknowledgeBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Take responsibility, for a time; again: extend one's own."""
    service.acknowledge(session, staff, alarm_id, now, body.minutes, body.instead_of)
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/hand-over")
def hand_over(
    alarm_id: RowId,
    body: HandOverBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Offer responsibility to a colleague, who must acknowledge."""
    service.hand_over(session, staff, alarm_id, body.to_staff_id, now)
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/snooze")
def snooze(
    alarm_id: RowId,
    body: SnoozeBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Pause reminders of this rule and patient; refused for an Emergency."""
    service.snooze(session, staff, alarm_id, body.until, now)
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/decide")
def decide(
    alarm_id: RowId,
    body: DecideBody,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> Decided:
    """Write the opinion and send it to the patient."""
    row = service.decide_and_advise(
        session, staff, alarm_id, body.opinion, body.within_days, body.text, now
    )
    advice = service.advice_on_phone(row, staff)
    return Decided(alarm=_view(session, staff, alarm_id, now), advice=advice)


@router.post("/console/alarms/{alarm_id}/adjudicate")
def adjudicate(
    alarm_id: RowId,
    body: AdjudicateBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Say what it was; may be said again."""
    service.adjudicate(session, staff, alarm_id, body.finding, now)
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/close")
def close(
    alarm_id: RowId,
    body: CloseBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """End it with an outcome."""
    service.close(
        session, staff, alarm_id, body.outcome, now, patient_reached=body.patient_reached
    )
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/call")
def log_call(
    alarm_id: RowId,
    body: CallBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Note a telephone call."""
    service.log_call(session, staff, alarm_id, body.whom, body.outcome, now)
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/note")
def note(
    alarm_id: RowId,
    body: NoteBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Write down what was done; the card shows it."""
    service.note(session, staff, alarm_id, body.text, now)
    return _view(session, staff, alarm_id, now)


@router.post("/console/alarms/{alarm_id}/critical-value")
def critical_value(
    alarm_id: RowId,
    body: CriticalValueBody,
    session: WriteSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> AlarmView:
    """Enter an Emergency into the critical-value register."""
    service.register_critical_value(
        session, staff, alarm_id, body.told, body.read_back, now
    )
    return _view(session, staff, alarm_id, now)


@router.get("/console/critical-values.json")
def critical_values(
    session: ReadSession,
    app: AppDep,
    staff: CurrentStaff,
    now: ClockDep,
    month: Annotated[str, Query(pattern=register.MONTH)],
) -> list[register.CriticalValue]:
    """Export the register of a month, of patients this person may see."""
    zone = ZoneInfo(app.settings.time_zone)
    return register.entries(session, staff, month, zone, now)


@router.get("/console/alarm-statistics.json")
def statistics(
    session: ReadSession,
    staff: CurrentStaff,
    now: ClockDep,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> register.Statistics:
    """Give the load, delays and predictive value per rule of the last days."""
    return register.statistics(session, staff, days, now)


class LimitBody(_Body):
    """A new threshold for a patient, or for the site."""

    patient_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    name: str = Field(min_length=1, max_length=48)
    value: float = Field(allow_inf_nan=False)
    reason: str = Field(min_length=1, max_length=400)
    expires_at: AwareDatetime | None = None


class LimitView(BaseModel):
    """One threshold with its guard rails and what holds now."""

    name: str
    rules: str
    value: float
    default: float
    absolute: tuple[float, float]
    recommended: tuple[float, float]
    emergency: bool
    source: str


class LimitSaved(BaseModel):
    """What was saved; warnings are codes."""

    id: int
    warnings: list[str]


@router.get("/console/patients/{patient_id}/limits.json")
def limits(
    patient_id: RowId, session: ReadSession, staff: CurrentStaff, now: ClockDep
) -> list[LimitView]:
    """List the thresholds in force for a patient."""
    in_force = thresholds.limits_seen_by(session, staff, patient_id, now)
    return [
        LimitView(
            name=one.name,
            rules=one.rules,
            value=in_force[one.name],
            default=one.default,
            absolute=one.absolute,
            recommended=one.recommended,
            emergency=one.emergency,
            source=one.source,
        )
        for one in LIMITS.values()
    ]


@router.post("/console/limits")
def set_limit(
    body: LimitBody, session: WriteSession, staff: Physician, now: ClockDep
) -> LimitSaved:
    """Change a threshold; refused outside its guard rails."""
    row, warnings = thresholds.override(
        session,
        staff,
        patient_id=body.patient_id,
        name=body.name,
        value=body.value,
        reason=body.reason,
        expires_at=body.expires_at,
        now=now,
    )
    return LimitSaved(id=row.id or 0, warnings=list(warnings))


class ChannelBody(_Body):
    """A way out of the house; the address is a secret and never given back."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    address: str = Field(min_length=4, max_length=400)
    position: int = Field(ge=0, le=99)
    active: bool = True


class ChannelTried(BaseModel):
    """What became of a test message; empty: the channel took it."""

    error: str


@router.post("/console/channels")
def save_channel(
    body: ChannelBody, session: WriteSession, staff: Admin, now: ClockDep
) -> ChannelTried:
    """Add or change a channel (administrator)."""
    if not channels.is_address(body.address):
        return ChannelTried(error="bad_address")
    notify_service.save_channel(
        session,
        name=body.name,
        address=body.address,
        position=body.position,
        active=body.active,
    )
    service.audit_channel(session, staff, body.name, now)
    return ChannelTried(error="")


@router.post("/console/channels/{name}/test")
def try_channel(
    name: Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,32}$")],
    app: AppDep,
    staff: Admin,
    now: ClockDep,
) -> ChannelTried:
    """Send a test message through one channel (administrator)."""
    return ChannelTried(error=notify_service.try_channel(app.db, name, channels.send, now))
