"""Administration pages: accounts, sites, ways out of the house; and one's own sessions.

An administrator runs the house and sees no patient: nothing here reads clinical rows.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.deps import (
    AppDep,
    ClockDep,
    ReadSession,
    RowId,
    WriteSession,
)
from clinic_server.errors import Conflict, Forbidden, NotSignedIn
from clinic_server.i18n import LOCALES
from clinic_server.notify import service as notify_service
from clinic_server.patients import service as patients_service
from clinic_server.settings import VERSION
from clinic_server.staff import factor, people, sites
from clinic_server.staff.auth import (
    Admin,
    CurrentSession,
    CurrentStaff,
)
from clinic_server.staff.models import Role, Site, Staff
from clinic_server.staff.page import PageDep
from clinic_server.staff.passwords import hash_password, verify_password

router = APIRouter(include_in_schema=False)
Password = Annotated[str, Field(max_length=256)]
Ref = Annotated[str, Path(pattern=f"^[0-9a-f]{{{people.REF_LENGTH}}}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class PersonFile(_Body):
    """What an account says of a person."""

    name: str = Field(min_length=1, max_length=64)
    phone: str = Field(default="", max_length=32, pattern=r"^[0-9+() -]*$")
    role: Role
    site_id: int | None = Field(default=None, ge=1, le=2**31 - 1)


class NewPerson(PersonFile):
    """An account to open; the person changes the password after the first sign-in."""

    username: str = Field(min_length=2, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    password: Password


class ChangedPerson(PersonFile):
    """What an account says from now on."""

    active: bool


class NewPassword(_Body):
    """A password somebody else is given."""

    password: Password


class OwnPassword(NewPassword):
    """A password of one's own; the old one proves who is asking."""

    old_password: Password


class NewSite(_Body):
    """A hospital of the network."""

    name: str = Field(min_length=1, max_length=64)


# Hashing takes a tenth of a second: these run before the writing transaction begins.


def _hash_of_new(body: NewPerson, _staff: Admin) -> str:
    return hash_password(body.password, body.username.lower())


def _hash_of_given(
    body: NewPassword, person_id: RowId, session: ReadSession, staff: Admin
) -> str:
    person = people.person_for(session, person_id, staff)
    return hash_password(body.password, person.username)


def _hash_of_own(body: OwnPassword, app: AppDep, staff: CurrentStaff, now: ClockDep) -> str:
    app.limits.sign_in_account.check(staff.username, now)
    if not verify_password(body.old_password, staff.password_hash):
        raise NotSignedIn("staff.wrong_old_password")
    app.limits.sign_in_account.forget(staff.username)
    return hash_password(body.password, staff.username)


NewHash = Annotated[str, Depends(_hash_of_new)]
GivenHash = Annotated[str, Depends(_hash_of_given)]
OwnHash = Annotated[str, Depends(_hash_of_own)]


def _sites(session: Session, staff: Staff) -> list[Site]:
    return [one for one in sites.all_sites(session) if sites.is_within_reach(one.id, staff)]


@router.get("/admin")
def overview(
    here: PageDep,
    session: ReadSession,
    staff: Admin,
) -> HTMLResponse:
    """Show how the house is set up, on one page."""
    return here.show(
        "admin_overview.html",
        people=people.everybody(session, staff, here.now),
        roles=list(Role),
        sites=_sites(session, staff),
        channels=notify_service.every_channel(session),
        version=VERSION,
        database=here.app.settings.url.split(":")[0].split("+")[0],
        time_zone=here.app.settings.time_zone,
        languages=LOCALES,
        idle_min=here.app.settings.session_idle_min,
        clock=here.clock,
    )


@router.get("/admin/people/{person_id}")
def person_page(
    here: PageDep,
    person_id: RowId,
    session: ReadSession,
    staff: Admin,
) -> HTMLResponse:
    """Show one account."""
    person = people.person_for(session, person_id, staff)
    return here.show(
        "admin_person.html",
        person=person,
        own=person.id == staff.id,
        roles=list(Role),
        sites=_sites(session, staff),
        sessions=people.sessions_of(session, person_id, here.now),
        has_factor=factor.stored(session, person) is not None,
        ref_length=people.REF_LENGTH,
        clock=here.clock,
    )


@router.post("/admin/people", status_code=204)
def add_person(
    body: NewPerson, hashed: NewHash, session: WriteSession, staff: Admin, now: ClockDep
) -> None:
    """Open an account."""
    people.add(
        session,
        **body.model_dump(exclude={"password"}),
        password_hash=hashed,
        by=staff,
        now=now,
    )


@router.post("/admin/people/{person_id}", status_code=204)
def change_person(
    person_id: RowId,
    body: ChangedPerson,
    session: WriteSession,
    staff: Admin,
    now: ClockDep,
) -> None:
    """Correct an account, or close it: alarms must not go to somebody who has left."""
    person = people.person_for(session, person_id, staff)
    if not body.active or body.role is not Role.PHYSICIAN:
        patients = patients_service.attended_by(session, person)
        if patients:
            raise Conflict("admin.still_attends", name=person.name, n=len(patients))
    people.change(session, person, **body.model_dump(), by=staff, now=now)


@router.post("/admin/people/{person_id}/password", status_code=204)
def give_password(
    person_id: RowId,
    hashed: GivenHash,
    session: WriteSession,
    staff: Admin,
    row: CurrentSession,
    now: ClockDep,
) -> None:
    """Give an account a new password; its sessions end."""
    person = people.person_for(session, person_id, staff)
    people.set_password(session, person, hashed, by=staff, now=now, keep=row.token_hash)


@router.post("/admin/people/{person_id}/sessions/{ref}/end", status_code=204)
def end_others_session(
    person_id: RowId, ref: Ref, session: WriteSession, staff: Admin, now: ClockDep
) -> None:
    """End a session of an account."""
    person = people.person_for(session, person_id, staff)
    people.end_session(session, person, ref, by=staff, now=now)


@router.post("/admin/people/{person_id}/factor/remove", status_code=204)
def remove_factor(
    person_id: RowId, session: WriteSession, staff: Admin, now: ClockDep
) -> None:
    """Take the authenticator off an account whose phone is lost."""
    person = people.person_for(session, person_id, staff)
    factor.remove(session, person, now, by=staff)


@router.post("/admin/sites", status_code=204)
def add_site(body: NewSite, session: WriteSession, staff: Admin, now: ClockDep) -> None:
    """Open a site of the network; who belongs to one site opens no other."""
    if staff.site_id is not None:
        raise Forbidden("staff.wrong_role")
    sites.site_named(session, body.name, now, staff)


@router.get("/account/sessions")
def own_sessions(
    here: PageDep,
    session: ReadSession,
    staff: CurrentStaff,
    row: CurrentSession,
) -> HTMLResponse:
    """Show where one is signed in, and let one change the password."""

    def last_use(at: datetime, token_hash: str) -> str:
        return here.clock(max(at, here.app.seen.get(token_hash, at)))

    return here.show(
        "account_sessions.html",
        sessions=people.sessions_of(session, staff.id or 0, here.now),
        current=row.token_hash,
        ref_length=people.REF_LENGTH,
        clock=here.clock,
        last_use=last_use,
    )


@router.post("/account/sessions/{ref}/end", status_code=204)
def end_own_session(
    ref: Ref, session: WriteSession, staff: CurrentStaff, now: ClockDep
) -> None:
    """End one of one's own sessions."""
    people.end_session(session, staff, ref, by=staff, now=now)


@router.post("/account/password", status_code=204)
def change_own_password(
    hashed: OwnHash,
    session: WriteSession,
    staff: CurrentStaff,
    row: CurrentSession,
    now: ClockDep,
) -> None:
    """Change one's password; every other session ends."""
    person = people.person_for(session, staff.id or 0, staff)
    people.set_password(session, person, hashed, by=person, now=now, keep=row.token_hash)
