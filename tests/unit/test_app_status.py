"""The home screen's first card says what is true, and the gravest thing first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.heart_rate import HeartRate, Trust
from app.state import PhoneView, Status, status_of
from sensors.frames import LinkReason

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CALM = PhoneView(
    phone_id="p",
    now=NOW,
    patient_name="李秀英",
    serial="AX-1",
    enrolled=True,
    enrol_error=None,
    paired=True,
    revoked=False,
    returned=False,
    due_on="2026-12-01",
    patch_error=None,
    link=LinkReason.CONNECTED,
    link_since=NOW,
    on_skin=True,
    off_since=None,
    last_frame_at=NOW,
    battery_pct=78,
    battery_days=3,
    rate=HeartRate(70, Trust.GOOD),
    spool_full=False,
    sent_until=NOW - timedelta(seconds=2),
    offline_since=None,
    waiting=1,
    waiting_since=NOW - timedelta(seconds=1),
    set_aside=0,
    watched=True,
    tasks=(),
    inbox=(),
    events=(),
    contacts=(),
    unread=0,
    ringing=(),
    sos=None,
    recording="r",
    end_sample=1,
)
LONG_AGO = NOW - timedelta(minutes=12)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, Status.ON),
        ({"watched": False}, Status.UNWATCHED),
        ({"offline_since": LONG_AGO, "waiting_since": LONG_AGO}, Status.NOT_SENT),
        ({"sent_until": LONG_AGO}, Status.NOT_SENT),
        ({"sent_until": None}, Status.STARTING),
        ({"on_skin": False}, Status.PATCH_OFF),
        ({"on_skin": False, "offline_since": LONG_AGO}, Status.PATCH_OFF),
        ({"link": LinkReason.OUT_OF_RANGE}, Status.OUT_OF_RANGE),
        ({"last_frame_at": LONG_AGO}, Status.OUT_OF_RANGE),
        ({"link": LinkReason.BATTERY_EMPTY}, Status.BATTERY_EMPTY),
        ({"spool_full": True}, Status.NO_ROOM),
        ({"last_frame_at": None}, Status.STARTING),
        ({"patch_error": "sensors.wrong_device"}, Status.WRONG_PATCH),
        ({"paired": False}, Status.WAITING_PAIRING),
        ({"enrolled": False}, Status.NOT_ENROLLED),
        ({"returned": True}, Status.RETURNED),
        ({"revoked": True, "on_skin": False}, Status.RETURNED),
        ({"due_on": "2026-11-22"}, Status.TIME_TO_RETURN),
    ],
)
def test_each_trouble_has_its_own_card(change, status):
    assert status_of(replace(CALM, **change)) is status


@pytest.mark.parametrize("proof", ["on_skin", "enrolled", "paired"])
def test_monitoring_is_claimed_only_when_everything_is_proven(proof):
    change: dict[str, Any] = {proof: False}
    assert status_of(replace(CALM, **change)) is not Status.ON
