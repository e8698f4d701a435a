"""Templates a house writes for itself, beside those that come with the product.

A template of the house is never changed: another one takes its place, so that a plan
keeps what it was made from. Its name is the house's own words and shown as they are.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, select

from clinic_server.errors import NotFound, Unprocessable
from clinic_server.plans.models import PlanTemplate
from clinic_server.plans.templates import TEMPLATES, PlannedTask, last_day
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Staff
from clinic_server.staff.sites import is_within_reach
from clinic_server.wire.care import TaskKind

PREFIX = "house:"
"""Begins the code of a house's own template in `Plan.template`."""
LAST_DAY = 365
MOST_TASKS = 400


class Line(BaseModel):
    """One kind of task on some days after the start."""

    model_config = ConfigDict(extra="forbid")

    kind: TaskKind
    days: list[int] = Field(min_length=1, max_length=LAST_DAY + 1)


def code_of(template: PlanTemplate) -> str:
    """Say the code under which a plan remembers it."""
    return f"{PREFIX}{template.id}"


def offered(session: Session, reader: Staff) -> list[tuple[str, str | None]]:
    """Give what may be prescribed: codes with the house's words, None for the product's."""
    own = [(code_of(one), one.name) for one in templates_of(session, reader)]
    return [*((code, None) for code in TEMPLATES), *own]


def templates_of(session: Session, reader: Staff) -> Sequence[PlanTemplate]:
    """Give the templates in force at a person's site, by name."""
    return [
        one
        for one in session.exec(
            select(PlanTemplate)
            .where(col(PlanTemplate.ended_at).is_(None))
            .order_by(col(PlanTemplate.name), col(PlanTemplate.id))
        )
        if one.site_id is None or is_within_reach(one.site_id, reader)
    ]


def lines_of(session: Session, code: str) -> tuple[PlannedTask, ...] | None:
    """Give a template's lines, an ended one's too; None for a code nobody knows."""
    if code in TEMPLATES:
        return TEMPLATES[code]
    row = _row(session, code)
    if row is None:
        return None
    lines = [Line.model_validate(one) for one in row.lines]
    return tuple(PlannedTask(line.kind, day) for line in lines for day in line.days)


def for_prescribing(session: Session, code: str, staff: Staff) -> tuple[PlannedTask, ...]:
    """Give the lines of what may be prescribed now.

    Raises
    ------
    Unprocessable
        ``plans.unknown_template``, also for an ended one or another site's.
    """
    if code not in {one for one, _ in offered(session, staff)}:
        raise Unprocessable("plans.unknown_template", template=code)
    lines = lines_of(session, code)
    assert lines is not None  # noqa: S101 - it was offered
    return lines


def names_of(session: Session, codes: Sequence[str]) -> Mapping[str, str]:
    """Give the house's words for its own codes; the product's are not among them."""
    numbers = [number for code in set(codes) if (number := _number(code)) is not None]
    rows = session.exec(select(PlanTemplate).where(col(PlanTemplate.id).in_(numbers)))
    return {code_of(row): row.name for row in rows}


def ends_on(session: Session, code: str, starts_on: date) -> date | None:
    """Give the day of the last line; None for a template that is gone."""
    lines = lines_of(session, code)
    return last_day(lines, starts_on) if lines else None


def parse(entered: Mapping[str, str]) -> list[Line]:
    """Read what was typed: ``{"vitals": "1-14, 21"}``; empty fields are no line.

    Raises
    ------
    Unprocessable
        ``plans.template_days`` names the kind; ``plans.template_empty`` without a line.
    """
    lines = []
    for kind, text in entered.items():
        if not text.strip():
            continue
        try:
            lines.append(Line(kind=TaskKind(kind), days=_days(text)))
        except (ValueError, ValidationError) as error:
            raise Unprocessable("plans.template_days", days=text[:40]) from error
    if not lines or sum(len(line.days) for line in lines) > MOST_TASKS:
        raise Unprocessable("plans.template_empty", most=MOST_TASKS)
    return lines


def _days(text: str) -> list[int]:
    days: set[int] = set()
    for part in text.replace("，", ",").replace("、", ",").replace("–", "-").split(","):
        first, _, last = part.strip().partition("-")
        begin, end = int(first), int(last or first)
        if not 0 <= begin <= end <= LAST_DAY:
            raise ValueError(part)
        days |= set(range(begin, end + 1))
    return sorted(days)


def add(
    session: Session, *, name: str, lines: Sequence[Line], by: Staff, now: datetime
) -> PlanTemplate:
    """Put a template in force at the writer's site."""
    row = PlanTemplate(
        site_id=by.site_id,
        name=name,
        lines=[line.model_dump(mode="json") for line in lines],
        set_by=by.id or 0,
        set_at=now,
    )
    session.add(row)
    session.flush()
    _note(session, row, "plans.add_template", by, now)
    return row


def end(session: Session, number: int, by: Staff, now: datetime) -> None:
    """Offer a template no longer; plans made from it go on.

    Raises
    ------
    NotFound
        ``plans.no_template``, also for another site's.
    """
    row = session.get(PlanTemplate, number)
    if row is None or row.ended_at is not None or not is_within_reach(row.site_id, by):
        raise NotFound("plans.no_template")
    row.ended_at = now
    session.add(row)
    _note(session, row, "plans.end_template", by, now)


def _number(code: str) -> int | None:
    number = code.removeprefix(PREFIX)
    known = code.startswith(PREFIX) and number.isascii() and number.isdecimal()
    return int(number) if known and len(number) < 10 else None


def _row(session: Session, code: str) -> PlanTemplate | None:
    number = _number(code)
    return session.get(PlanTemplate, number) if number is not None else None


def _note(
    session: Session, row: PlanTemplate, action: str, by: Staff, now: datetime
) -> None:
    audit_by(
        session,
        by,
        at=now,
        action=action,
        object_kind="plan_template",
        object_id=row.id or 0,
        detail={"name": row.name, "lines": row.lines},
    )
