"""What is lent with a unit: a list of parts for each model, which a house may change.

A site's own list stands before the house's, and that before the product's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from clinic_server.devices.models import DeviceKit, Unit
from clinic_server.errors import Unprocessable
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Staff
from clinic_server.staff.sites import within_reach

MOST_PARTS = 12


class Part(BaseModel):
    """One part of a kit."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=40)]
    """The house's words, or a code of `DEFAULT` (words: ``devices.part_…``)."""
    count: Annotated[int, Field(ge=1, le=500)] = 1
    lot: bool = False
    """Whether the lot is written down: what touches the skin must be traceable."""


class GivenPart(BaseModel):
    """A part that was put into the patient's hands."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=40)]
    count: Annotated[int, Field(ge=1, le=500)] = 1
    lot: Annotated[str, Field(max_length=32)] = ""


DEFAULT = (
    Part(name="charger"),
    Part(name="card"),
    Part(name="electrodes", count=30, lot=True),
)


def kit_of(session: Session, model: str, site_id: int | None) -> list[Part]:
    """Give what is lent with a unit of a model at a site."""
    row = session.exec(
        select(DeviceKit)
        .where(
            DeviceKit.model == model,
            col(DeviceKit.site_id).is_(None) | (col(DeviceKit.site_id) == site_id),
        )
        .order_by(col(DeviceKit.site_id).is_(None))
        .limit(1)
    ).first()
    if row is None:
        return list(DEFAULT)
    return [Part.model_validate(one) for one in row.parts]


def models_of(session: Session, reader: Staff) -> list[str]:
    """Give the models in the fleet of a person's site."""
    rows = session.exec(
        select(Unit.model)
        .where(within_reach(col(Unit.site_id), reader))
        .distinct()
        .order_by(Unit.model)
    )
    return list(rows)


def set_kit(
    session: Session, model: str, parts: Sequence[Part], by: Staff, now: datetime
) -> None:
    """Lend this with units of a model from now on, at the writer's site.

    Raises
    ------
    Unprocessable
        ``devices.kit_parts``: no part, too many, or one twice.
    """
    names = [part.name for part in parts]
    if not 1 <= len(parts) <= MOST_PARTS or len(set(names)) < len(names):
        raise Unprocessable("devices.kit_parts", most=MOST_PARTS)
    row = session.exec(
        select(DeviceKit).where(
            DeviceKit.model == model,
            col(DeviceKit.site_id).is_not_distinct_from(by.site_id),
        )
    ).first() or DeviceKit(
        site_id=by.site_id, model=model, parts=[], set_by=by.id or 0, set_at=now
    )
    row.parts = [part.model_dump() for part in parts]
    row.set_by, row.set_at = by.id or 0, now
    session.add(row)
    session.flush()
    audit_by(
        session,
        by,
        at=now,
        action="devices.kit",
        object_kind="device_kit",
        object_id=row.id or 0,
        detail={"model": model, "parts": row.parts},
    )


def check_given(kit: Sequence[Part], given: Sequence[GivenPart]) -> None:
    """Refuse a loan whose parts are not complete.

    Raises
    ------
    Unprocessable
        ``devices.part_missing`` or ``devices.lot_missing``, with the part's name.
    """
    by_name = {part.name: part for part in given}
    for part in kit:
        handed = by_name.get(part.name)
        if handed is None:
            raise Unprocessable("devices.part_missing", part=part.name)
        if part.lot and not handed.lot:
            raise Unprocessable("devices.lot_missing", part=part.name)
