"""The linter's findings as sentences."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from clinic_server import timewords
from clinic_server.i18n import t
from clinic_server.plans.linter import Finding


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


def _day(on: date, zone: ZoneInfo, locale: str) -> str:
    return timewords.day(datetime(on.year, on.month, on.day, 12, tzinfo=zone), zone, locale)
