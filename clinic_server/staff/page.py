"""What every page of the staff needs to know of who is looking."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from clinic_server import timewords
from clinic_server.deps import App, AppDep, ClockDep, LocaleDep
from clinic_server.staff.auth import CsrfToken, CurrentStaff
from clinic_server.staff.models import Staff
from clinic_server.templating import page


@dataclass(frozen=True)
class StaffPage:
    """One person of the clinic in front of one page."""

    request: Request
    app: App
    staff: Staff
    csrf: str
    locale: str
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone."""
        return ZoneInfo(self.app.settings.time_zone)

    def clock(self, at: datetime) -> str:
        """Say a time as a person says it today."""
        return timewords.day_clock(at, self.now, self.zone, self.locale)

    def show(self, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """Fill a template that extends ``base.html``."""
        return page(
            self.request,
            template,
            locale=self.locale,
            status=status,
            viewer=self.staff,
            csrf=self.csrf,
            **context,
        )


def _page(
    request: Request,
    app: AppDep,
    staff: CurrentStaff,
    csrf: CsrfToken,
    locale: LocaleDep,
    now: ClockDep,
) -> StaffPage:
    return StaffPage(request, app, staff, csrf, locale, now)


PageDep = Annotated[StaffPage, Depends(_page)]
"""The page in front of somebody who is signed in; the role is asked for beside it."""
