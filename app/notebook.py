"""What the phone must remember besides ECG: the loan, choices, and messages to send.

Messages (an SOS, an answer that was read, a task that was done) wait here until the clinic
took them, so they survive no network, a restart and ``kill -9``.
"""

import json
import sqlite3
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.erasing import erase
from app.errors import SpoolDamaged

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
            row = self._db.execute(
                "SELECT value FROM note WHERE name=?", (name,)
            ).fetchone()
        return default if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Note a JSON value; it is on disk when this returns."""
        with self._lock:
            self._db.execute(
                "INSERT INTO note VALUES (?,?) ON CONFLICT (name) DO UPDATE"
                " SET value=excluded.value",
                (name, json.dumps(value)),
            )

    def drop(self, name: str) -> None:
        """Forget what was noted under a name."""
        with self._lock:
            self._db.execute("DELETE FROM note WHERE name=?", (name,))

    def post(self, kind: str, target: str, body: str, *, urgent: bool = False) -> int:
        """Queue a message; it is on disk when this returns. Urgent ones go first."""
        with self._lock:
            row = self._db.execute(
                "INSERT INTO message (kind, urgent, target, body) VALUES (?,?,?,?)"
                " RETURNING place",
                (kind, int(urgent), target, body),
            ).fetchone()
        return int(row[0])

    def messages(self) -> list[Message]:
        """Return what waits, urgent ones first, then in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT place, kind, target, body FROM message ORDER BY urgent DESC, place"
            ).fetchall()
        return [Message(*row) for row in rows]

    def sent(self, place: int) -> None:
        """Drop a message the clinic took, or refused for good."""
        with self._lock:
            self._db.execute("DELETE FROM message WHERE place=?", (place,))

    def erase(self, keep: Collection[str] = ()) -> None:
        """Forget everything but the notes of these names; the file keeps no trace."""
        with self._lock:
            kept = {name: self.get(name) for name in keep}
            erase(self._db)
            for name, value in kept.items():
                if value is not None:
                    self.put(name, value)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
