"""What routes ask for, by name, so that a route reads as a sentence.

Who is asking stands one level up, beside the tables that know it: `staff.auth` has
``CurrentStaff``, ``Physician``, ``Nurse`` and the page's CSRF token; `devices.auth` has
``CurrentIssue``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, Protocol

from fastapi import Depends, Path, Request
from sqlmodel import Session

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.i18n import LOCALES, negotiate
from clinic_server.limiter import RateLimiter
from clinic_server.settings import Settings
from clinic_server.wire.ecg import UploadState

LOCALE_COOKIE = "lang"
LOOKED = "looked"
"""Key of ``Session.info``: whose file was opened by whom in this session."""
Look = tuple[int, int]
"""Staff and patient, by number."""
RowId = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""A row's number in an address, within what every database can hold."""
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Aware UTC now."""
    return datetime.now(UTC)


class SegmentSink(Protocol):
    """The durable door, as routes see it; `ingest.writer` is behind it."""

    @property
    def alive(self) -> bool:
        """Whether segments can be stored."""
        ...

    async def store(
        self, recording_id: str, issue_id: int | None, seq: int, body: bytes, sha256: str
    ) -> tuple[int, UploadState]:
        """Put one segment on disk; return the HTTP status and what is stored."""
        ...


@dataclass(frozen=True)
class Limits:
    """Brakes on guessing, per process."""

    sign_in_account: RateLimiter = field(
        default_factory=lambda: RateLimiter("staff.too_many_tries", 5, 60)
    )
    sign_in_address: RateLimiter = field(
        default_factory=lambda: RateLimiter("staff.too_many_tries", 20, 60)
    )
    family: RateLimiter = field(
        default_factory=lambda: RateLimiter("family.too_many_tries", 30, 60)
    )
    family_pin: RateLimiter = field(
        default_factory=lambda: RateLimiter("family.too_many_tries", 20, 60)
    )
    pairing: RateLimiter = field(
        default_factory=lambda: RateLimiter("devices.too_many_tries", 5, 600)
    )
    uploads: RateLimiter = field(
        # per loan; an outage of a day (8640 segments) is caught up within 3 minutes
        default_factory=lambda: RateLimiter("ingest.too_fast", 600, 10)
    )


class Glance(NamedTuple):
    """Somebody saw a family page: when, from where, with what."""

    at: datetime
    address: str
    agent: str


@dataclass(frozen=True)
class App:
    """What one server process shares; at ``request.app.state.clinic``."""

    settings: Settings
    db: Database
    bus: Bus
    clock: Clock
    writer: SegmentSink
    limits: Limits = field(default_factory=Limits)
    seen: dict[str, datetime] = field(default_factory=dict)
    """Staff sessions (by hash) used since a tick last wrote it down: looking at a page
    must not wait for the writers' turn."""
    glances: dict[str, Glance] = field(default_factory=dict)
    """Looks at family pages (by the browser's hash) until a tick writes them down."""
    looked: dict[Look, datetime] = field(default_factory=dict)
    """Who opened whose file since a tick last wrote it down."""


def _app(request: Request) -> App:
    app = request.app.state.clinic
    assert isinstance(app, App)  # noqa: S101 - set in main.create_app, nowhere else
    return app


AppDep = Annotated[App, Depends(_app)]


def _now(app: AppDep) -> datetime:
    return app.clock()


ClockDep = Annotated[datetime, Depends(_now)]
"""The time of this request, the same wherever it asks."""


def _write(app: AppDep, now: ClockDep) -> Iterator[Session]:
    with app.db.write() as session:
        yield session
    app.looked.update(dict.fromkeys(session.info.get(LOOKED, ()), now))


def _read(app: AppDep, now: ClockDep) -> Iterator[Session]:
    with app.db.read() as session:
        yield session
    app.looked.update(dict.fromkeys(session.info.get(LOOKED, ()), now))


WriteSession = Annotated[Session, Depends(_write, scope="function", max_concurrency=1)]
"""One transaction around the route: on disk before the answer leaves, rolled back when
the route raises. Requests queue for it without holding a thread; a route that has it must
not open another one, and a route without it must not write (``App.db.write`` in a route
could take all threads)."""

READERS_AT_ONCE = 20
"""Fewer than the pool has connections: more readers than threads would each hold one while
waiting for a thread, and the threads would wait for connections."""
ReadSession = Annotated[
    Session, Depends(_read, scope="function", max_concurrency=READERS_AT_ONCE)
]
"""A snapshot; what is written in it is thrown away. Nobody waits for one who holds a
`WriteSession`: each would wait for the other."""


def _locale(request: Request) -> str:
    chosen = request.cookies.get(LOCALE_COOKIE)
    if chosen in LOCALES:
        return chosen
    return negotiate(request.headers.get("accept-language"))


LocaleDep = Annotated[str, Depends(_locale)]
"""``zh_CN`` or ``en``: the reader's own choice, else the browser's."""


def client_address(request: Request) -> str:
    """Who asks, for rate limits: the peer's address (uvicorn resolves trusted proxies)."""
    return request.client.host if request.client else "-"


def locale_of(request: Request) -> str:
    """Language of this request, for those who have no dependencies (error handlers)."""
    return _locale(request)
