"""Who is asking, when it is the phone of a loan with its bearer token."""

from typing import Annotated

from fastapi import Depends, Request

from clinic_server.deps import AppDep
from clinic_server.devices.models import Issue
from clinic_server.devices.service import issue_for_token
from clinic_server.errors import NotSignedIn

_SCHEME = "bearer "


def bearer_token(request: Request) -> str:
    """Read the token.

    Raises
    ------
    NotSignedIn
        ``devices.token_missing``.
    """
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_SCHEME) or not header[len(_SCHEME) :].strip():
        raise NotSignedIn("devices.token_missing")
    return header[len(_SCHEME) :].strip()


def _issue(request: Request, app: AppDep) -> Issue:
    # its own short read, over before the route's session begins: who waits for the
    # writers' turn must not keep a reader's place meanwhile
    with app.db.read() as session:
        return issue_for_token(session, bearer_token(request))


CurrentIssue = Annotated[Issue, Depends(_issue)]
"""The loan whose phone this is; detached: read it again before changing it."""
