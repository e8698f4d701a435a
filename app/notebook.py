"""What the phone must remember besides ECG: the loan, choices, and messages to send.

Messages (an SOS, an answer that was read, a task that was done) wait here until the clinic
took them, so they survive no network, a restart and ``kill -9``. Where the phone has no
room left, they are held in memory and written as soon as there is some: a call for help
goes out from a full phone as well.
"""

import json
import sqlite3
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.erasing import erase
from app.errors import SpoolDamaged, no_room

_SCHEMA = """
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    place INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, urgent INTEGER NOT NULL,
    target TEXT NOT NULL, body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Message:
    """Something the clinic has not taken yet."""

    place: int
    kind: str
    """``sos``, ``read``, ``done``, ``measured``, ``diary``, ``consents``, ``rehab``,
    ``consult`` or ``help``."""
    target: str
    body: str
    """JSON of the wire model."""


class Notebook:
    """Small durable memory of one phone.

    Parameters
    ----------
    path : Path
        Its file, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._notes: dict[str, str | None] = {}
        """JSON that has no room on the disk yet, by name; None: to forget."""
        self._posted: list[tuple[Message, bool]] = []
        """Messages without room, and whether they are urgent; their places are negative."""
        self._full = False
        self._posts = 0
        self._written: dict[int, int] = {}
        """Places on the disk of messages that were held, by their negative ones."""
        self._gone: set[int] = set()
        """Places on the disk of messages that the clinic has, not struck out yet."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise SpoolDamaged(path=str(path), reason=str(error)) from error

    def get(self, name: str, default: Any = None) -> Any:
        """Return what was noted under a name (JSON value), or the default."""
        with self._lock:
            if name in self._notes:
                row: tuple[str | None] | None = (self._notes[name],)
            else:
                row = self._db.execute(
                    "SELECT value FROM note WHERE name=?", (name,)
                ).fetchone()
        return default if row is None or row[0] is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Note a JSON value; it is on disk when this returns, if the disk has room."""
        with self._lock:
            self._notes[name] = json.dumps(value)
            self._write()

    def drop(self, name: str) -> None:
        """Forget what was noted under a name."""
        with self._lock:
            self._notes[name] = None
            self._write()

    def post(self, kind: str, target: str, body: str, *, urgent: bool = False) -> None:
        """Queue a message, as `put` notes a value. Urgent ones go first."""
        with self._lock:
            self._posts += 1
            self._posted.append((Message(-self._posts, kind, target, body), urgent))
            self._write()

    def messages(self) -> list[Message]:
        """Return what waits, urgent ones first, then in order."""
        with self._lock:
            self._write()
            rows = self._db.execute(
                "SELECT urgent, place, kind, target, body FROM message ORDER BY place"
            ).fetchall()
            waiting = [
                *((bool(row[0]), Message(*row[1:])) for row in rows),
                *((urgent, one) for one, urgent in self._posted),
            ]
            gone = set(self._gone)
        first = sorted(waiting, key=lambda pair: not pair[0])  # keeps their order else
        return [one for _, one in first if one.place not in gone]

    def sent(self, place: int) -> None:
        """Drop a message the clinic took, or refused for good."""
        with self._lock:
            self._posted = [pair for pair in self._posted if pair[0].place != place]
            place = self._written.pop(place, place)  # it may have found room meanwhile
            if place > 0:
                self._gone.add(place)
            self._write()

    def _write(self) -> None:
        """Put on the disk whatever is not there yet, all of it or nothing."""
        if not (self._notes or self._posted or self._gone):
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for name, value in self._notes.items():
                self._db.execute("DELETE FROM note WHERE name=?", (name,))
                if value is not None:
                    self._db.execute("INSERT INTO note VALUES (?,?)", (name, value))
            written = {
                one.place: self._db.execute(
                    "INSERT INTO message (kind, urgent, target, body) VALUES (?,?,?,?)",
                    (one.kind, int(urgent), one.target, one.body),
                ).lastrowid
                for one, urgent in self._posted
            }
            self._db.executemany(
                "DELETE FROM message WHERE place=?", [(place,) for place in self._gone]
            )
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if not no_room(error):
                raise
            self._full = True
            return
        if self._full:
            self._written |= {held: place or 0 for held, place in written.items()}
        self._full = False
        self._notes.clear()
        self._posted.clear()
        self._gone.clear()

    def erase(self, keep: Collection[str] = ()) -> None:
        """Forget everything but the notes of these names; the file keeps no trace."""
        with self._lock:
            kept = {name: self.get(name) for name in keep}
            self._notes.clear()
            self._posted.clear()
            self._gone.clear()
            erase(self._db)
            for name, value in kept.items():
                if value is not None:
                    self.put(name, value)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
