"""The audit of what happens to plans, tasks and the worklist."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from clinic_server.staff.audit import audit


def note(
    session: Session,
    now: datetime,
    actor: str,
    action: str,
    kind: str,
    object_id: int | None,
    patient_id: int,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one action to the audit.

    Parameters
    ----------
    actor : str
        ``staff:3``, ``phone:12`` or ``system``.
    """
    actor_kind, _, actor_id = actor.partition(":")
    audit(
        session,
        at=now,
        actor_kind=actor_kind,
        actor_id=actor_id,
        action=action,
        object_kind=kind,
        object_id=object_id or 0,
        patient_id=patient_id,
        detail=detail,
    )
