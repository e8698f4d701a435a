"""One alarm as its page shows it: evidence on the left, acting on the right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from clinic_server import timewords
from clinic_server.alarms import service as alarms_service
from clinic_server.alarms.models import AlarmEvent, Tier
from clinic_server.alarms.service import OUTCOMES, AlarmView
from clinic_server.analysis import service as analysis_service
from clinic_server.console import cards
from clinic_server.console.cards import TIER_WORD, Reader
from clinic_server.console.moments import epoch_ms, to_second
from clinic_server.console.reasons import doubts, reasons
from clinic_server.patients.models import Patient
from clinic_server.plans import service as plans_service
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.reports import service as reports_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from clinic_server.staff.page import StaffPage
from clinic_server.wire.care import Opinion, Step, TaskState

AROUND_S = 30
TREND = timedelta(hours=6)
BASELINE_S = 12.0
BASELINE_LOOK_S = 600.0
"""The patient's own baseline is sought in the first ten minutes after the issue."""
PLAN_AHEAD = timedelta(days=14)
ADJUDICATIONS = (
    ("T", "true"),
    ("E", "ectopy"),
    ("N", "noise"),
    ("W", "t_wave"),
    ("X", "true_no_action"),
)
_LOGGED = frozenset(
    {"notified", "acknowledged", "ack_expired", "handed_over", "called", "noted"}
    | {
        "snoozed",
        "reopened",
        "decided",
        "read",
        "cleared",
        "adjudicated",
        "critical_value",
        "closed",
    }
)


@dataclass(frozen=True, slots=True)
class Page:
    """What is the same for every part of one page."""

    session: Session
    reader: Reader
    zone: ZoneInfo
    now: datetime

    def say(self, code: str, **params: object) -> str:
        """Say a code in the reader's language."""
        return self.reader.say(code, **params)

    def near(self, at: datetime) -> str:
        """Say the time of day, with the date unless it is today."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        if local.date() == today.date():
            return timewords.clock(at, self.zone)
        return f"{timewords.day(at, self.zone, self.reader.locale)} {local:%H:%M}"


def page_of(session: Session, frame: StaffPage) -> Page:
    """Gather what every page needs, once per answer."""
    reader = cards.reader_for(session, frame.staff, frame.locale, frame.now)
    return Page(session, reader, frame.zone, frame.now)


def delay(page: Page, view: AlarmView, at: datetime | None) -> str:
    """Say how long after the event something happened: ``+1.8 s``, ``+2 分 05 秒``."""
    if at is None:
        return "—"
    seconds = (at - view.onset_at).total_seconds()
    if abs(seconds) < 60:
        return page.say("console.after_event", seconds=f"{seconds:.1f}")
    if seconds < 3600:
        minutes, rest = divmod(int(seconds), 60)
        span = page.say("common.minutes_seconds", m=minutes, s=f"{rest:02d}")
    else:
        span = timewords.span(seconds, page.reader.locale)
    return page.say("console.after_event_span", span=span)


def _step_line(page: Page, view: AlarmView, step: Any) -> str:
    if step.step is Step.MONITORING and step.at is not None:
        return page.say(
            "console.since_day", day=timewords.day(step.at, page.zone, page.reader.locale)
        )
    if step.step is Step.SENDING:
        if step.state == "done":
            percent = 100 if step.percent is None else step.percent
            after = delay(page, view, step.at)
            return page.say("console.sent_in", percent=percent, after=after)
        return page.say("console.percent", percent=step.percent or 0)
    if step.at is not None:
        return to_second(step.at, page.zone)
    if step.state == "now" and step.step is Step.OPINION:
        return page.say("console.your_choice")
    if step.state == "now" and step.step is Step.READ:
        return page.say("console.not_read_yet")
    return ""


def step_rows(page: Page, view: AlarmView) -> list[tuple[str, str, str]]:
    """Give the seven steps as (name, state, line under it)."""
    return [
        (step.step.value, step.state, _step_line(page, view, step)) for step in view.steps
    ]


def context_rows(page: Page, patient: Patient) -> list[tuple[str, str]]:
    """Give what a covering doctor does not know: procedure, drugs, last report, plan."""
    locale = page.reader.locale
    rows: list[tuple[str, str]] = []
    if patient.procedure:
        day = (
            f"{patient.procedure_on:%Y-%m-%d} " if patient.procedure_on is not None else ""
        )
        rows.append(("procedure", f"{day}{patient.procedure}"))
    rows.append(("drugs", patient.drugs or page.say("console.not_entered")))
    rows.append(
        (
            "lvef",
            page.say("console.percent", percent=patient.lvef_pct)
            if patient.lvef_pct is not None
            else page.say("console.not_entered"),
        )
    )
    rows.append(("last_report", _last_report(page, patient)))
    tasks = [
        task
        for task in plans_service.tasks_of(
            page.session, patient.id or 0, since=page.now, until=page.now + PLAN_AHEAD
        )
        if task.state in (TaskState.PLANNED, TaskState.DUE)
    ]
    if tasks:
        first = tasks[0]
        what = page.say(f"plans.kind.{first.kind.value}")
        day = timewords.day(first.opens_at, page.zone, locale)
        rows.append(
            ("plan", page.say("console.plan_next", day=day, what=what, n=len(tasks)))
        )
    else:
        rows.append(("plan", page.say("console.no_plan")))
    return rows


def _last_report(page: Page, patient: Patient) -> str:
    signed = [
        report
        for report in reports_service.reports_of(page.session, patient.id or 0)
        if report.signed_at is not None
    ]
    if not signed:
        return page.say("console.no_report")
    newest = signed[0]
    day = timewords.day(
        newest.signed_at or newest.created_at, page.zone, page.reader.locale
    )
    line = newest.conclusion.strip().splitlines()
    return f"{day} {line[0][:80] if line else page.say('console.signed')}"


def _strip_range(view: AlarmView, recording: Recording | None) -> dict[str, Any] | None:
    if recording is None or view.onset_sample is None:
        return None
    return _around(recording, view.onset_sample, view.offset_sample) | {
        # still going on: the band has no end yet; a press of the SOS button is a moment
        "running": view.cleared_at is None and view.rule != "E10" and view.repeats == 1,
    }


def _around(recording: Recording, onset: int, offset: int | None) -> dict[str, Any]:
    around = round(AROUND_S * recording.fs_hz)
    return {
        "recording_id": recording.id,
        "first": max(0, onset - around),
        "end": onset + around,
        "onset": onset,
        "offset": offset,
        "running": False,
    }


def occurrences(page: Page, view: AlarmView) -> list[dict[str, Any]]:
    """Give every event of a group with the strip it is seen on, the first one first."""
    found: list[dict[str, Any]] = []
    told = [(view.recording_id, view.onset_sample, view.offset_sample)]
    for event in alarms_service.events_of(page.session, view.id):
        if event.kind == "grouped":
            one = event.detail
            told.append(
                (one.get("recording_id"), one.get("onset_sample"), one.get("offset_sample"))
            )
    for recording_id, onset, offset in told:
        if recording_id is None or onset is None:
            continue
        recording = recordings_service.recording_by_id(page.session, recording_id)
        at = recordings_service.sample_time(recording, onset)
        found.append(_around(recording, onset, offset) | {"at": to_second(at, page.zone)})
    return found


def baseline(page: Page, patient_id: int, recording: Recording) -> dict[str, Any] | None:
    """Find the patient's own baseline: the first clean seconds after the unit was issued.

    Clean: stored without a hole, every beat normal, at least eight of them.
    """
    of_loan = [
        one
        for one in recordings_service.recordings_of(page.session, patient_id)
        if one.issue_id == recording.issue_id and one.lead_names == recording.lead_names
    ]
    if not of_loan:
        return None
    first = min(of_loan, key=lambda one: one.started_at)
    fs = first.fs_hz
    length = round(BASELINE_S * fs)
    until = min(first.end_sample, round(BASELINE_LOOK_S * fs))
    beats = analysis_service.beats_in(page.session, first.id, 0, until)
    stored = recordings_service.spans(page.session, first.id, 0, until)
    for start in range(round(4 * fs), max(0, until - length), length // 2):
        inside = [b for b in beats if start <= b.sample < start + length]
        whole = any(a <= start and start + length <= b for a, b in stored)
        if whole and len(inside) >= 8 and all(str(b.aami) == "N" for b in inside):
            at = recordings_service.sample_time(first, start)
            return {
                "recording_id": first.id,
                "first": start,
                "end": start + length,
                "at": page.near(at),
            }
    return None


def trend(page: Page, recording: Recording) -> dict[str, Any]:
    """Give the last six hours, minute by minute, for the small chart."""
    since = page.now - TREND
    minutes = analysis_service.trend(page.session, recording.id, since)
    start_ms = epoch_ms(recording.started_at)
    return {
        "from_ms": epoch_ms(since),
        "to_ms": epoch_ms(page.now),
        "minutes": [
            [start_ms + m.minute * 60_000, m.mean_bpm, m.min_bpm, m.max_bpm, m.n_v]
            for m in minutes
        ],
    }


def opinions(page: Page, patient: Patient | None) -> list[dict[str, str]]:
    """Give the five opinions with the text the patient would read, in their language."""
    theirs = patient.locale if patient is not None else page.reader.locale
    written = Reader(page.reader.staff, theirs, page.reader.patients, page.reader.duty)
    return [
        {
            "key": str(n),
            "value": opinion.value,
            "label": page.say(f"console.opinion_{opinion.value}"),
            "text": ""
            if opinion is Opinion.FREE_TEXT
            else written.say(f"console.advice_{opinion.value}"),
        }
        for n, opinion in enumerate(Opinion, start=1)
    ]


def log_lines(page: Page, events: Sequence[AlarmEvent]) -> list[tuple[str, str]]:
    """Give who did what when, oldest first."""
    lines = []
    for event in events:
        if event.kind not in _LOGGED:
            continue
        who = page.say("console.the_system")
        if event.actor_id is not None:
            who = staff_service.staff_by_id(page.session, event.actor_id).name
        detail = event.detail
        before = detail.get("instead_of")
        words = page.say(
            "console.log_taken_over" if before else f"console.log_{event.kind}",
            before=staff_service.staff_by_id(page.session, before).name if before else "",
            who=who,
            text=cards.note(page.reader, event),
            step=detail.get("step", ""),
            outcome=page.say(f"console.outcome_{detail.get('outcome', 'none')}"),
            finding=page.say(f"console.finding_{detail.get('finding', 'none')}"),
            opinion=page.say(f"console.opinion_{detail.get('opinion', 'none')}"),
        )
        lines.append((to_second(event.at, page.zone), words))
    return lines


def _neighbours(page: Page, view: AlarmView) -> tuple[int | None, int | None]:
    ids = [
        one.id
        for one in alarms_service.open_alarms(page.session, page.reader.staff, page.now)
        if cards.TIER_WORD[one.tier] != "low" or one.kind.value == "technical"
    ]
    if view.id not in ids:
        return None, ids[0] if ids else None
    at = ids.index(view.id)
    return (
        ids[at - 1] if at else None,
        ids[at + 1] if at + 1 < len(ids) else None,
    )


def colleagues(page: Page) -> list[dict[str, Any]]:
    """Whom an alarm can be handed to or asked about: the others on duty."""
    return [
        {"id": person.id, "name": person.name, "step": step}
        for step, person in sorted(page.reader.duty.items())
        if person.id != page.reader.staff.id and person.role is Role.PHYSICIAN
    ]


def live_part(page: Page, view: AlarmView) -> dict[str, Any]:
    """Give what changes while the page is open: steps, acknowledgement, actions."""
    events = alarms_service.events_of(page.session, view.id)
    return {
        "view": view,
        "card": cards.cards(page.session, page.reader, [view], page.now)[0],
        "steps": step_rows(page, view),
        "events": log_lines(page, events),
        "mine": view.acknowledged_by == page.reader.staff.id,
        "held": view.state == "acknowledged",
        "held_until": timewords.clock(view.ack_until, page.zone) if view.ack_until else "",
        "snoozed_until": timewords.clock(view.snoozed_until, page.zone)
        if view.snoozed_until
        else "",
        "may_decide": page.reader.staff.role is Role.PHYSICIAN,
        "colleagues": colleagues(page),
        "outcomes": OUTCOMES,
        "who": who_is(page, page.reader.patients.get(view.patient_id or 0)),
        "event_at": to_second(view.onset_at, page.zone),
        "received": delay(page, view, view.received_at),
        "raised": delay(page, view, view.raised_at),
        "now_ms": epoch_ms(page.now),
    }


def whole(page: Page, view: AlarmView) -> dict[str, Any]:
    """Give everything the page shows."""
    patient = page.reader.patients.get(view.patient_id or 0)
    recording = (
        recordings_service.recording_by_id(page.session, view.recording_id)
        if view.recording_id
        else None
    )
    before, after = _neighbours(page, view)
    tier = TIER_WORD[view.tier]
    strip = _strip_range(view, recording)
    own = baseline(page, view.patient_id or 0, recording) if recording else None
    return live_part(page, view) | {
        "tier": tier,
        "technical": view.kind.value == "technical",
        "emergency": view.tier is Tier.EMERGENCY,
        "title": cards.title(page.reader, view),
        "patient": patient,
        "recording": recording,
        "context_rows": context_rows(page, patient) if patient else [],
        "reasons": reasons(page.reader, view),
        "doubts": doubts(page.session, page.reader, view, recording, page.now),
        "opinions": opinions(page, patient),
        "adjudications": ADJUDICATIONS,
        "previous": before,
        "following": after,
        "data": {
            "alarm_id": view.id,
            "strip": strip,
            "occurrences": occurrences(page, view) if view.repeats > 1 else [],
            "baseline": own,
            "trend": trend(page, recording) if recording else None,
            "opinions": opinions(page, patient),
            "event_ms": epoch_ms(view.onset_at),
            "previous": before,
            "following": after,
        },
    }


def who_is(page: Page, patient: Patient | None) -> str:
    """Say who it is, in one line for a headline."""
    if patient is None:
        return page.say("console.the_system")
    attending = staff_service.staff_by_id(page.session, patient.attending_id).name
    pieces = [
        f"{patient.name} {cards.sex_and_age(page.reader, patient, page.now)}",
        patient.diagnosis,
        cards.stay(page.reader, patient, page.now) if patient.procedure_on else "",
        page.say("console.attending_is", name=attending),
    ]
    return " · ".join(piece for piece in pieces if piece)
