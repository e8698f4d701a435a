"""The linter's findings and the names of templates, in the reader's language."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from clinic_server import timewords
from clinic_server.i18n import t
from clinic_server.plans import house
from clinic_server.plans.linter import Finding
from clinic_server.plans.templates import TEMPLATES


def say(finding: Finding, zone: ZoneInfo, locale: str) -> str:
    """Say one finding in the reader's language."""
    return t(
        finding.code,
        locale,
        task=t(f"plans.kind.{finding.kind.value}", locale),
        day=_day(finding.on, zone, locale),
        other=_day(finding.other, zone, locale) if finding.other else "",
        n=finding.n,
    )


def template(session: Session, code: str, locale: str) -> str:
    """Name a template: the product's in the reader's language, the house's as it wrote."""
    if code in TEMPLATES:
        return t(f"plans.template.{code}", locale)
    return house.names_of(session, [code]).get(code, code)


def _day(on: date, zone: ZoneInfo, locale: str) -> str:
    return timewords.day(datetime(on.year, on.month, on.day, 12, tzinfo=zone), zone, locale)
