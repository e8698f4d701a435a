"""Times and ages in words, as the style guide says them (ui.md 10.1)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from clinic_server.i18n import t


def age(seconds: float, locale: str) -> str:
    """Say how long ago: "8 秒前", "4 分钟前", "1 小时 10 分前".

    Parameters
    ----------
    seconds : float
        Age; a negative one (clocks apart) counts as zero.
    locale : str
        One of `clinic_server.i18n.LOCALES`.
    """
    return t("time.ago", locale, span=span(seconds, locale))


def span(seconds: float, locale: str) -> str:
    """Say a length of time: seconds, minutes, hours and minutes, or days."""
    whole = max(0, int(seconds))
    if whole < 60:
        return t("time.seconds", locale, n=whole)
    if whole < 3600:
        return t("time.minutes", locale, n=whole // 60)
    if whole < 86_400:
        return t("time.hours", locale, h=whole // 3600, m=whole % 3600 // 60)
    return t("time.days", locale, n=whole // 86_400)


def clock(at: datetime, zone: ZoneInfo) -> str:
    """Say the time of day in the clinic's zone: "14:32"."""
    return f"{at.astimezone(zone):%H:%M}"


def day_clock(at: datetime, now: datetime, zone: ZoneInfo, locale: str) -> str:
    """Say day and time, with the words today, yesterday and tomorrow where they fit."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (local.date() - today).days
    name = {0: "time.today", -1: "time.yesterday", 1: "time.tomorrow"}.get(days)
    if name is None:
        return f"{day(at, zone, locale)} {local:%H:%M}"
    return f"{t(name, locale)} {local:%H:%M}"


def day(at: datetime, zone: ZoneInfo, locale: str) -> str:
    """Say a date: "11-23 周一", "Mon 23 Nov"."""
    local = at.astimezone(zone)
    weekday = t(f"time.weekday.{local.weekday()}", locale)
    month = t(f"time.month.{local.month}", locale)
    return t(
        "time.date",
        locale,
        weekday=weekday,
        month=month,
        mm=f"{local:%m}",
        dd=f"{local:%d}",
        d=local.day,
    )
