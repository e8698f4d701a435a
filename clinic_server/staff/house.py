"""What a house decides for itself: how long records are kept, which language comes first.

A site's own value stands before that of the whole house, and that before the default.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.errors import NotFound, Unprocessable
from clinic_server.i18n import LOCALES
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import HouseSetting, Staff
from clinic_server.staff.sites import is_within_reach

KEEP_YEARS = "keep_years"
LOCALE = "locale"
MIN_KEEP_YEARS, MAX_KEEP_YEARS = 15, 100


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds at one site."""

    keep_years: int = MIN_KEEP_YEARS
    """How long a medical record is kept after the last contact: in China at least 15 years
    for outpatients, 30 for inpatients (医疗机构病历管理规定 2013, article 29)."""
    locale: str = LOCALES[0]
    """Language of a new patient's file, until somebody chooses another."""


def rules_of(session: Session, site_id: int | None) -> Rules:
    """Give what holds at a site; None: for the whole house."""
    rows = session.exec(
        select(HouseSetting)
        .where(col(HouseSetting.site_id).is_(None) | (HouseSetting.site_id == site_id))
        .order_by(col(HouseSetting.site_id).is_not(None))
    ).all()
    chosen = {row.name: row.value for row in rows}
    plain = Rules()
    return Rules(
        keep_years=int(chosen.get(KEEP_YEARS, plain.keep_years)),
        locale=chosen.get(LOCALE, plain.locale),
    )


def decide(
    session: Session, site_id: int | None, rules: Rules, by: Staff, now: datetime
) -> None:
    """Put what an administrator entered in force; the audit says what changed.

    Raises
    ------
    NotFound
        ``staff.unknown_site`` for a site this person does not run.
    Unprocessable
        ``staff.keep_years`` or ``staff.no_language``.
    """
    if not is_within_reach(site_id, by):
        raise NotFound("staff.unknown_site")
    if not MIN_KEEP_YEARS <= rules.keep_years <= MAX_KEEP_YEARS:
        raise Unprocessable("staff.keep_years", min=MIN_KEEP_YEARS, max=MAX_KEEP_YEARS)
    if rules.locale not in LOCALES:
        raise Unprocessable("staff.no_language")
    before = rules_of(session, site_id)
    for name in (KEEP_YEARS, LOCALE):
        old, new = str(getattr(before, name)), str(getattr(rules, name))
        if old == new:
            continue
        row = session.exec(
            select(HouseSetting).where(
                HouseSetting.name == name,
                col(HouseSetting.site_id).is_not_distinct_from(site_id),
            )
        ).first() or HouseSetting(
            site_id=site_id, name=name, value=new, set_by=by.id or 0, set_at=now
        )
        row.value, row.set_by, row.set_at = new, by.id or 0, now
        session.add(row)
        session.flush()
        audit_by(
            session,
            by,
            at=now,
            action="staff.house",
            object_kind="house_setting",
            object_id=row.id or 0,
            detail={"name": name, "from": old, "to": new, "site": site_id},
        )
