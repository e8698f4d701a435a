"""Why a calm screen may be believed: what was measured just now, not that nothing came."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from clinic_server.alarms import proof as alarm_proof
from clinic_server.alarms import service as alarms_service
from clinic_server.analysis import service as analysis_service
from clinic_server.analysis.canary import EVERY, newest_shot
from clinic_server.console.cards import Reader
from clinic_server.console.moments import epoch_ms

DUTY_WORD = {1: "first", 2: "second", 3: "head"}
LOOK_BACK = timedelta(hours=24)


def analysis_lag_s(session: Session, reader: Reader) -> float | None:
    """Give the longest stretch stored but not yet analysed, of my open recordings.

    Returns
    -------
    float or None
        Seconds of ECG; None when nothing is being recorded.
    """
    return analysis_service.worst_lag_s(session, reader.patients)


def canary(session: Session, now: datetime) -> dict[str, Any] | None:
    """Say when the made VT last came through, and when the next one is sent."""
    known = alarm_proof.newest(session)
    if known is None:
        return None
    passed = known.passed_at
    return {
        "passed_ms": epoch_ms(passed) if passed else None,
        "next_ms": epoch_ms(newest_shot(now).sent_at + EVERY),
        "ok": passed is not None and now - passed <= EVERY + alarm_proof.GRACE,
    }


def proofs(session: Session, reader: Reader, now: datetime) -> dict[str, Any]:
    """Gather the proofs of the calm screen."""
    ended = alarms_service.last_closed_at(session, reader.staff, now)
    return {
        "analysis_lag_s": analysis_lag_s(session, reader),
        "canary": canary(session, now),
        "duty": [
            {"step": DUTY_WORD[step], "name": person.name}
            for step, person in sorted(reader.duty.items())
            if step in DUTY_WORD
        ],
        "last_alarm_ms": epoch_ms(ended)
        if ended is not None and now - ended < LOOK_BACK
        else None,
        "digest": alarms_service.daily_waiting(session, reader.staff, now),
    }
