"""The seven steps that patient and physician both see, from one alarm and its ECG."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from clinic_server.alarms.models import Alarm
from clinic_server.wire.care import Step, StepState

CONTEXT_S = 30
"""Seconds before and after the event that the physician's strip shows."""
SETTLED = timedelta(minutes=10)
"""After this, what is still missing of the strip is said to be missing, not on its way."""


def stored_percent(
    onset_sample: int, fs_hz: float, spans: Iterable[tuple[int, int]]
) -> int:
    """Share of the strip around an onset that is on the clinic's disk.

    Parameters
    ----------
    onset_sample : int
        Event on the recording's clock.
    fs_hz : float
    spans : iterable of (first_sample, end_sample)
        Stored coverage, not overlapping.

    Returns
    -------
    int
        0 to 100, rounded down: 100 means complete.
    """
    first = max(0, onset_sample - round(CONTEXT_S * fs_hz))
    end = onset_sample + round(CONTEXT_S * fs_hz)
    stored = sum(max(0, min(b, end) - max(a, first)) for a, b in spans)
    return min(100, stored * 100 // (end - first))


def seven_steps(
    alarm: Alarm, percent: int, monitored_since: datetime | None, now: datetime
) -> list[StepState]:
    """Say where an alarm stands, in the order of `Step`.

    Exactly one step is ``now`` until the last is done. A step that happened although an
    earlier one is unfinished (advice before the strip is complete) makes the earlier ones
    done: it no longer waits for them.

    Parameters
    ----------
    alarm : Alarm
    percent : int
        Of `stored_percent`; 100 for an alarm without a strip (SOS, equipment).
    monitored_since : datetime or None
        When the recording began.
    now : datetime
    """
    sent = percent >= 100 or now - alarm.raised_at >= SETTLED
    times: list[tuple[Step, datetime | None]] = [
        (Step.MONITORING, monitored_since or alarm.onset_at),
        (Step.ABNORMAL, alarm.onset_at),
        (Step.SENDING, alarm.received_at if sent else None),
        (Step.RECEIVED, alarm.received_at if sent else None),
        (Step.OPINION, alarm.decided_at),
        (Step.ADVICE_SENT, alarm.answered_at),
        (Step.READ, alarm.read_at),
    ]
    last_done = max(i for i, (_, at) in enumerate(times) if at is not None)
    steps: list[StepState] = []
    for i, (step, at) in enumerate(times):
        state = "done" if i <= last_done else "now" if i == last_done + 1 else "to_come"
        steps.append(
            StepState.model_validate(
                {
                    "step": step,
                    "state": state,
                    "at": at,
                    "percent": percent if step is Step.SENDING else None,
                }
            )
        )
    return steps
