"""What a screen may know of the phone, as one frozen value; no samples, no objects."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.heart_rate import HeartRate, Trust
from clinic_server.wire.care import Advice, Contact, OpenEvent, PatientTask, StepState
from sensors.frames import LinkReason

FRESH = timedelta(seconds=10)  # the ladder of freshness: live, then late, then no data
LATE = timedelta(seconds=60)
NOT_SENT_AFTER = timedelta(seconds=30)


class Status(StrEnum):
    """Which status card the home screen shows."""

    NOT_ENROLLED = "not_enrolled"
    WAITING_PAIRING = "waiting_pairing"
    RETURNED = "returned"
    TIME_TO_RETURN = "time_to_return"
    WRONG_PATCH = "wrong_patch"
    NO_ROOM = "no_room"
    PATCH_OFF = "patch_off"
    OUT_OF_RANGE = "out_of_range"
    BATTERY_EMPTY = "battery_empty"
    STARTING = "starting"
    NOT_SENT = "not_sent"
    UNWATCHED = "unwatched"
    """Everything arrives, but the clinic says that nobody is on duty."""
    ON = "on"


@dataclass(frozen=True, slots=True)
class SosView:
    """How far a call for help got."""

    client_id: str
    pressed_at: datetime
    symptoms: tuple[str, ...]
    saved: bool
    """There was ECG to keep."""
    percent: int
    """Share of the minute before and the minute after that is at the clinic."""
    alarm_id: int | None
    """The clinic has the call; None: it still waits on the phone."""
    steps: tuple[StepState, ...]
    cancelled: bool
    """Pressed by mistake: said to the wearer; the clinic may know already."""
    placed: bool = False
    """The wearer's place goes with it."""
    opened_at: datetime | None = None
    """When a doctor took it up."""
    opened_by: str = ""


@dataclass(frozen=True, slots=True)
class PhoneView:
    """Everything the screens show, at one moment."""

    phone_id: str
    now: datetime
    patient_name: str
    serial: str
    enrolled: bool
    enrol_error: str | None
    paired: bool
    revoked: bool
    returned: bool
    due_on: str
    patch_error: str | None
    link: LinkReason
    link_since: datetime | None
    on_skin: bool
    off_since: datetime | None
    last_frame_at: datetime | None
    battery_pct: int | None
    battery_days: int | None
    rate: HeartRate
    spool_full: bool
    sent_until: datetime | None
    """When the newest sample that is on the clinic's disk was measured."""
    offline_since: datetime | None
    waiting: int
    """Segments that are not at the clinic yet."""
    waiting_since: datetime | None
    set_aside: int
    watched: bool | None
    """The clinic says somebody is on duty and data is fresh; None: not asked yet."""
    tasks: tuple[PatientTask, ...]
    inbox: tuple[Advice, ...]
    events: tuple[OpenEvent, ...]
    contacts: tuple[Contact, ...]
    unread: int
    ringing: tuple[int, ...]
    """Tasks whose reminder sounds and was not answered."""
    sos: SosView | None
    recording: str | None
    end_sample: int
    wear_advice: str = "none"
    """A `sensors.wear.Advice`: what the wearer should do about the patch's seat."""
    wear_leads: tuple[str, ...] = ()
    """Which leads it is about; empty: all, or the only one."""
    clock_off: timedelta = timedelta(0)
    """How far the phone's clock is behind the clinic's; zero while it is near enough."""


def status_of(view: PhoneView) -> Status:
    """Say which status card is true; the gravest one for the wearer wins."""
    if view.revoked or view.returned:
        return Status.RETURNED
    if not view.enrolled:
        return Status.NOT_ENROLLED
    if view.patch_error is not None:
        return Status.WRONG_PATCH
    if not view.paired:
        return Status.WAITING_PAIRING
    if view.spool_full:
        return Status.NO_ROOM
    if view.link is LinkReason.BATTERY_EMPTY:
        return Status.BATTERY_EMPTY
    if view.last_frame_at is None:
        return Status.STARTING
    if view.link is LinkReason.CONNECTED and not view.on_skin:
        return Status.PATCH_OFF
    if view.link is not LinkReason.CONNECTED or view.now - view.last_frame_at > LATE:
        return Status.OUT_OF_RANGE
    return _sending_status(view)


def _sending_status(view: PhoneView) -> Status:
    """Say whether what is measured also arrives."""
    unsent = view.waiting_since is not None and (
        view.now - view.waiting_since > NOT_SENT_AFTER
    )
    if view.offline_since is not None and view.now - view.offline_since > FRESH:
        return Status.NOT_SENT
    if view.sent_until is None:
        return Status.NOT_SENT if unsent else Status.STARTING
    if view.now - view.sent_until > NOT_SENT_AFTER:
        return Status.NOT_SENT
    if view.due_on and view.now.date().isoformat() > view.due_on:
        return Status.TIME_TO_RETURN
    if view.watched is False:
        return Status.UNWATCHED
    return Status.ON


__all__ = ["HeartRate", "PhoneView", "SosView", "Status", "Trust", "status_of"]
