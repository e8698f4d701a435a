"""The database: one writer at a time, commits in one place.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit that returned is on disk. All
writing transactions of the process pass one lock, so nobody starves in SQLite's busy
handler; readers never wait. PostgreSQL needs no lock and gets none.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

from clinic_server.bus import Bus
from clinic_server.errors import Unavailable

WRITER_WAIT_S = 30.0
"""Longest wait for the writers' turn; a healthy transaction takes milliseconds."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, UTC without a zone in SQLite, ``timestamptz`` in PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Give aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={round(1000 * WRITER_WAIT_S)}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged commit survives power loss
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Wait for the turn here: SQLite asks no busy handler when it changes the mode."""
    last = time.monotonic() + WRITER_WAIT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as trouble:
            if trouble.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
            time.sleep(0.01)
        else:
            return


class Database:
    """Engine, the writers' lock and the bell that rings after a commit.

    Parameters
    ----------
    url : str
        SQLAlchemy address; SQLite file or PostgreSQL through psycopg.
    bus : Bus
        Rung after the commit, for the topics named with `Database.ring_after_commit`.
    """

    def __init__(self, url: str, bus: Bus) -> None:
        self.bus = bus
        self.is_sqlite = url.startswith("sqlite")
        self.engine: Engine = create_engine(
            url,
            pool_size=32,
            max_overflow=32,
            pool_pre_ping=not self.is_sqlite,
            connect_args={"check_same_thread": False} if self.is_sqlite else {},
        )
        # not re-entrant, and any thread may release it: a request enters and leaves its
        # transaction on different threads of the pool
        self._writer = threading.Lock()
        if self.is_sqlite:
            event.listen(self.engine, "connect", _on_sqlite_connect)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Run one transaction: commit at the end, roll back on an exception."""
        with (
            self._turn() if self.is_sqlite else nullcontext(),
            Session(self.engine, expire_on_commit=False) as session,
        ):
            if self.is_sqlite:
                # no deferred upgrade: the lock is taken now or not at all
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            yield session
            session.commit()
            topics = session.info.pop("rings", ())
        for topic in topics:
            self.bus.ring(topic)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writer.acquire(timeout=WRITER_WAIT_S):
            raise Unavailable("errors.busy")
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a snapshot for reading; whatever is written in it is thrown away."""
        with Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection().exec_driver_sql("BEGIN")
            yield session
            # closing rolls back; an explicit rollback would also empty the objects read

    def self_check(self) -> None:
        """Refuse to run on settings that could lose an acknowledged sample."""
        if self.is_sqlite:
            with self.engine.connect() as connection:
                synchronous = connection.execute(text("PRAGMA synchronous")).scalar_one()
                mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
            if synchronous != 2 or mode != "wal":
                raise RuntimeError(f"unsafe SQLite: synchronous={synchronous} mode={mode}")

    def empty_journal(self) -> bool:
        """Move everything out of SQLite's write-ahead log and cut it to nothing.

        Returns
        -------
        bool
            False when a reader still needed it. Always True for PostgreSQL, whose log
            is not ours to cut.
        """
        if not self.is_sqlite:
            return True
        with self._turn(), self.engine.connect() as connection:
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def ring_after_commit(session: Session, topic: str) -> None:
    """Ask for the bell of ``topic`` once this transaction is on disk."""
    session.info.setdefault("rings", set()).add(topic)
