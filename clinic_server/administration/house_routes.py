"""Administration of the house: departments, kits, plan templates, how long, in which words.

Templates and kits are medicine and the desk's work: a physician writes the first, whoever
runs the system or the desk the second. The administrator sees them and no patient.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from clinic_server.deps import ClockDep, ReadSession, RowId, WriteSession
from clinic_server.devices import kits
from clinic_server.errors import Unprocessable
from clinic_server.i18n import LOCALES
from clinic_server.plans import house as plan_house
from clinic_server.plans.templates import TEMPLATES, outline
from clinic_server.staff import departments, house
from clinic_server.staff.auth import Admin, CurrentStaff, Physician, require
from clinic_server.staff.models import Role, Staff
from clinic_server.staff.page import PageDep
from clinic_server.wire.care import TaskKind

router = APIRouter(include_in_schema=False)


def _house_staff(staff: CurrentStaff) -> Staff:
    return require(staff, Role.ADMIN, Role.PHYSICIAN, Role.NURSE)


HouseStaff = Annotated[Staff, Depends(_house_staff)]
"""Whoever may read how the house is set up."""


def _kit_staff(staff: CurrentStaff) -> Staff:
    return require(staff, Role.ADMIN, Role.NURSE)


KitStaff = Annotated[Staff, Depends(_kit_staff)]
"""Whoever says what is lent with a unit."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


@router.get("/admin/house")
def house_page(here: PageDep, session: ReadSession, staff: HouseStaff) -> HTMLResponse:
    """Show departments, kits, templates, terms and language on one page."""
    models = kits.models_of(session, staff)
    return here.show(
        "admin_house.html",
        departments=departments.departments(session, staff, closed=True),
        rules=house.rules_of(session, staff.site_id),
        keep_range=(house.MIN_KEEP_YEARS, house.MAX_KEEP_YEARS),
        languages=LOCALES,
        kits={model: kits.kit_of(session, model, staff.site_id) for model in models},
        kit_words=[part.name for part in kits.DEFAULT],
        own_templates=[
            (one, [(line.kind, say_days(line.days)) for line in _lines(one.lines)])
            for one in plan_house.templates_of(session, staff)
        ],
        templates={
            code: [(kind, say_days(days)) for kind, _, days in outline(lines)]
            for code, lines in TEMPLATES.items()
        },
        kinds=list(TaskKind),
        admin=staff.role is Role.ADMIN,
        may_kit=staff.role in (Role.ADMIN, Role.NURSE),
        may_template=staff.role is Role.PHYSICIAN,
    )


def _lines(rows: list[dict[str, object]]) -> list[plan_house.Line]:
    return [plan_house.Line.model_validate(row) for row in rows]


def say_days(days: list[int]) -> str:
    """Say days as they are typed: ``1-14, 21``."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )


class DepartmentFile(_Body):
    """A ward or an outpatient clinic."""

    name: str = Field(min_length=1, max_length=64)
    phone: str = Field(default="", max_length=32, pattern=r"^[0-9+() -]*$")
    is_open: bool = True


@router.post("/admin/departments", status_code=204)
def add_department(
    body: DepartmentFile, session: WriteSession, staff: Admin, now: ClockDep
) -> None:
    """Open a department."""
    departments.save(session, None, **body.model_dump(), by=staff, now=now)


@router.post("/admin/departments/{department_id}", status_code=204)
def change_department(
    department_id: RowId,
    body: DepartmentFile,
    session: WriteSession,
    staff: Admin,
    now: ClockDep,
) -> None:
    """Rename a department, or close it."""
    departments.save(session, department_id, **body.model_dump(), by=staff, now=now)


class HouseRules(_Body):
    """How long records are kept, which language comes first."""

    keep_years: int = Field(ge=1, le=1000)
    locale: Literal["zh_CN", "en"]


@router.post("/admin/rules", status_code=204)
def set_rules(body: HouseRules, session: WriteSession, staff: Admin, now: ClockDep) -> None:
    """Decide for the administrator's site, or for the whole house."""
    rules = house.Rules(**body.model_dump())
    house.decide(session, staff.site_id, rules, staff, now)


class KitFile(_Body):
    """What is lent with units of one model, a part a line: ``electrodes * 30 #``."""

    model: str = Field(min_length=1, max_length=64)
    parts: str = Field(min_length=1, max_length=1000)


@router.post("/admin/kits", status_code=204)
def set_kit(body: KitFile, session: WriteSession, staff: KitStaff, now: ClockDep) -> None:
    """Change what is lent with a model."""
    lines = [line for line in body.parts.splitlines() if line.strip()]
    kits.set_kit(session, body.model, [_part(line) for line in lines], staff, now)


def _part(line: str) -> kits.Part:
    """Read one line: a name, ``* n`` for how many, ``#`` when the lot is written down."""
    text = line.strip()
    lot = text.endswith("#")
    name, star, count = text.rstrip("#").rpartition("*")
    try:
        return kits.Part(
            name=name if star else count, count=int(count) if star else 1, lot=lot
        )
    except ValueError as error:
        raise Unprocessable("devices.kit_line", line=text[:40]) from error


class TemplateFile(_Body):
    """A plan template of the house: days by kind of task, as JSON of typed fields."""

    name: str = Field(min_length=1, max_length=64)
    days: dict[TaskKind, Annotated[str, Field(max_length=400)]]


def template_of(body: TemplateFile) -> list[plan_house.Line]:
    """Read what was typed."""
    return plan_house.parse({kind.value: text for kind, text in body.days.items()})


@router.post("/admin/templates", status_code=204)
def add_template(
    body: TemplateFile, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """Put a template of the house in force."""
    plan_house.add(session, name=body.name, lines=template_of(body), by=staff, now=now)


@router.post("/admin/templates/{template_id}/end", status_code=204)
def end_template(
    template_id: RowId, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """Offer a template no longer."""
    plan_house.end(session, template_id, staff, now)
