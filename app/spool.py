"""Durable queue of segments that the clinic has not confirmed yet.

One SQLite file in WAL mode with ``synchronous=FULL``: when `Spool.append` returns, the
segment survives ``kill -9`` and a flat battery. A segment leaves the queue only when the
clinic said that it is on its disk (`Spool.confirm`). What the clinic refuses for good is
set aside and stays visible. When there is no room, `append` raises `SpoolFull` and the
oldest segments stay: nothing is ever dropped silently.
"""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.erasing import erase
from app.errors import SpoolDamaged, SpoolFull, no_room
from clinic_server.wire.ecg import RecordingCreate, UploadState
from sensors.patch import Kept, Places

_SCHEMA = """
CREATE TABLE IF NOT EXISTS recording (
    rid TEXT PRIMARY KEY, born INTEGER NOT NULL, meta TEXT NOT NULL,
    next_seq INTEGER NOT NULL DEFAULT 0, next_sample INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS segment (
    place INTEGER PRIMARY KEY AUTOINCREMENT, rid TEXT NOT NULL, seq INTEGER NOT NULL,
    first_sample INTEGER NOT NULL, n_samples INTEGER NOT NULL, at TEXT NOT NULL,
    body BLOB NOT NULL, aside TEXT, UNIQUE (rid, seq));
CREATE INDEX IF NOT EXISTS segment_aside ON segment (aside, place);
CREATE TABLE IF NOT EXISTS clock (
    rid TEXT PRIMARY KEY, device_first INTEGER NOT NULL, shift INTEGER NOT NULL,
    places TEXT NOT NULL, heard_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stored (
    rid TEXT NOT NULL, first_sample INTEGER NOT NULL, end_sample INTEGER NOT NULL,
    PRIMARY KEY (rid, first_sample)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SpooledRecording:
    """A recording as the phone knows it."""

    rid: str
    meta: RecordingCreate
    next_seq: int
    next_sample: int
    """One past the newest sample that was spooled."""
    ended: bool
    """Nothing follows; it is closed at the clinic once everything arrived."""


@dataclass(frozen=True, slots=True)
class SpooledSegment:
    """One upload waiting."""

    place: int
    """Order of arrival over all recordings."""
    rid: str
    seq: int
    first_sample: int
    n_samples: int
    at: datetime
    """When its last sample came in."""
    body: bytes


@dataclass(frozen=True, slots=True)
class SampleClock:
    """How the patch's positions map onto one recording."""

    rid: str
    device_first: int
    """Position of the first frame that belongs to the recording."""
    shift: int
    """Recording sample = position + shift."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits."""

    segments: int
    samples: int
    size_bytes: int
    oldest_at: datetime | None
    set_aside: int
    """Segments the clinic refused for good; kept, not sent again."""


class Spool:
    """The queue. Safe to use from several threads.

    Parameters
    ----------
    path : Path
        File of the queue; made when absent.
    quota_bytes : int
        Most bytes of ECG it may hold.

    Raises
    ------
    SpoolDamaged
        If the file is not a database.
    """

    def __init__(self, path: Path, quota_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._quota_bytes = quota_bytes
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA busy_timeout=5000")
            self._db.executescript(_SCHEMA)
            row = self._db.execute("SELECT coalesce(sum(length(body)),0) FROM segment")
            self._size_bytes = int(row.fetchone()[0])
        except sqlite3.DatabaseError as error:
            raise SpoolDamaged(path=str(path), reason=str(error)) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                if no_room(error):
                    raise SpoolFull(reason=str(error)) from error
                raise SpoolDamaged(reason=str(error)) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def begin(self, rid: str, meta: RecordingCreate, still_open: str | None = None) -> None:
        """Start a recording; all before are ended but one that may get backfill."""
        with self._writing() as db:
            db.execute("UPDATE recording SET ended=1 WHERE rid IS NOT ?", (still_open,))
            db.execute(
                "INSERT INTO recording (rid, born, meta) VALUES "
                "(?, (SELECT coalesce(max(born),0)+1 FROM recording), ?)",
                (rid, meta.model_dump_json()),
            )

    def keep_clock(self, clock: SampleClock, places: Places, at: datetime) -> None:
        """Note how the patch counts, for a later run of the app."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO clock VALUES (?,?,?,?,?) ON CONFLICT (rid) DO UPDATE"
                " SET places=excluded.places",
                (
                    clock.rid,
                    clock.device_first,
                    clock.shift,
                    json.dumps(places),
                    at.isoformat(),
                ),
            )

    def clocks(self, serial: str) -> list[SampleClock]:
        """Return the clocks of the open recordings of a unit, oldest first."""
        return [clock for clock, *_ in self._clocks(serial)]

    def kept(self, serial: str) -> Kept | None:
        """Return what a patch needs to go on with the open recordings of a unit."""
        known = self._clocks(serial)
        if not known:
            return None
        stored: list[tuple[int, int]] = []
        with self._lock:
            for clock, *_ in known:
                rows = self._db.execute(
                    "SELECT first_sample-?, end_sample-? FROM stored WHERE rid=?"
                    " ORDER BY first_sample",
                    (clock.shift, clock.shift, clock.rid),
                )
                stored += rows
        *_, (_, places, heard_at) = known
        begin_sample = known[0][0].device_first
        return Kept(places, begin_sample, tuple(stored), heard_at)

    def _clocks(self, serial: str) -> list[tuple[SampleClock, Places, datetime]]:
        open_ones = {
            one.rid
            for one in self.recordings()
            if not one.ended and one.meta.serial == serial
        }
        with self._lock:
            rows = self._db.execute(
                "SELECT rid, device_first, shift, places, heard_at FROM clock"
                " ORDER BY device_first"
            ).fetchall()
        return [
            (
                SampleClock(rid, first, shift),
                tuple((epoch, base) for epoch, base in json.loads(places)),
                datetime.fromisoformat(heard_at),
            )
            for rid, first, shift, places, heard_at in rows
            if rid in open_ones
        ]

    def end(self, rid: str) -> None:
        """Say that nothing will be appended to a recording any more."""
        with self._writing() as db:
            db.execute("UPDATE recording SET ended=1 WHERE rid=?", (rid,))

    def end_all(self) -> None:
        """End every recording: another loan begins, and goes on with none of them."""
        with self._writing() as db:
            db.execute("UPDATE recording SET ended=1")

    def current(self) -> SpooledRecording | None:
        """Return the recording that is being made, if any."""
        open_ones = [one for one in self.recordings() if not one.ended]
        return open_ones[-1] if open_ones else None

    def recordings(self) -> list[SpooledRecording]:
        """Return all recordings the phone still knows, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT rid, meta, next_seq, next_sample, ended FROM recording"
                " ORDER BY born"
            ).fetchall()
        return [
            SpooledRecording(
                rid,
                RecordingCreate.model_validate(json.loads(meta)),
                seq,
                sample,
                bool(ended),
            )
            for rid, meta, seq, sample, ended in rows
        ]

    def append(
        self, rid: str, body: bytes, first_sample: int, n_samples: int, at: datetime
    ) -> int:
        """Store one segment durably and number it.

        Parameters
        ----------
        rid : str
            A recording that was begun.
        body : bytes
            As `clinic_server.wire.ecg.encode_segment` made it.
        first_sample, n_samples : int
            Where it lies on the recording's sample clock.
        at : datetime
            When its last sample came in, aware UTC.

        Returns
        -------
        int
            Its sequence number.

        Raises
        ------
        SpoolFull
            Over the quota, or the disk is full. Nothing was stored.
        """
        with self._lock:
            if self._size_bytes + len(body) > self._quota_bytes:
                raise SpoolFull(reason="quota", quota_bytes=self._quota_bytes)
            with self._writing() as db:
                row = db.execute(
                    "UPDATE recording SET next_seq=next_seq+1,"
                    " next_sample=max(next_sample, ?) WHERE rid=? RETURNING next_seq-1",
                    (first_sample + n_samples, rid),
                ).fetchone()
                if row is None:
                    raise SpoolDamaged(reason="unknown recording", rid=rid)
                db.execute(
                    "INSERT INTO segment (rid, seq, first_sample, n_samples, at, body)"
                    " VALUES (?,?,?,?,?,?)",
                    (rid, row[0], first_sample, n_samples, at.isoformat(), body),
                )
                _note_stored(db, rid, first_sample, first_sample + n_samples, at)
            self._size_bytes += len(body)
        return int(row[0])

    def newest(self, taken: Collection[int] = ()) -> SpooledSegment | None:
        """Return the newest waiting segment whose place is not among ``taken``."""
        return self._pick("DESC", taken)

    def oldest(self, taken: Collection[int] = ()) -> SpooledSegment | None:
        """Return the oldest waiting segment whose place is not among ``taken``."""
        return self._pick("ASC", taken)

    def _pick(self, order: str, taken: Collection[int]) -> SpooledSegment | None:
        places = tuple(taken)
        marks = ",".join("?" * len(places))
        query = (  # only question marks and a fixed word are put in
            "SELECT place, rid, seq, first_sample, n_samples, at, body FROM segment"  # noqa: S608
            f" WHERE aside IS NULL AND place NOT IN ({marks})"
            f" ORDER BY place {order} LIMIT 1"
        )
        with self._lock:
            row = self._db.execute(query, places).fetchone()
        if row is None:
            return None
        place, rid, seq, first, n, at, body = row
        return SpooledSegment(place, rid, seq, first, n, datetime.fromisoformat(at), body)

    def confirm(self, rid: str, state: UploadState, stored_seq: int | None = None) -> int:
        """Delete what the clinic says is on its disk, and nothing else.

        Parameters
        ----------
        rid : str
            The recording the answer is about.
        state : UploadState
            The answer: everything below ``next`` is stored.
        stored_seq : int or None
            The segment this was the *stored* answer to, which may lie above ``next``. It
            is kept if the same answer lists it as missing.

        Returns
        -------
        int
            How many segments were deleted.
        """
        with self._writing() as db:
            gone = db.execute(
                "DELETE FROM segment WHERE rid=? AND seq<? AND aside IS NULL"
                " RETURNING length(body)",
                (rid, state.next),
            ).fetchall()
            if stored_seq is not None and not any(
                first <= stored_seq <= last for first, last in state.missing
            ):
                gone += db.execute(
                    "DELETE FROM segment WHERE rid=? AND seq=? RETURNING length(body)",
                    (rid, stored_seq),
                ).fetchall()
            # an older copy of this file came back: never number anything twice
            db.execute(
                "UPDATE recording SET next_seq=max(next_seq, ?) WHERE rid=?",
                (state.next, rid),
            )
        with self._lock:
            self._size_bytes -= sum(size for (size,) in gone)
        return len(gone)

    def set_aside(self, place: int, reason: str) -> None:
        """Keep a segment the clinic refuses for good, but do not send it again."""
        with self._writing() as db:
            db.execute("UPDATE segment SET aside=? WHERE place=?", (reason, place))

    def forget(self, rid: str) -> None:
        """Forget an ended recording of which nothing waits."""
        with self._writing() as db:
            gone = db.execute(
                "DELETE FROM recording WHERE rid=? AND ended=1 AND NOT EXISTS"
                " (SELECT 1 FROM segment WHERE segment.rid=recording.rid)",
                (rid,),
            ).rowcount
            if gone:
                db.execute("DELETE FROM clock WHERE rid=?", (rid,))
                db.execute("DELETE FROM stored WHERE rid=?", (rid,))

    def waiting(self, rid: str) -> int:
        """Count the segments of one recording that still wait."""
        with self._lock:
            row = self._db.execute(
                "SELECT count(*) FROM segment WHERE rid=? AND aside IS NULL", (rid,)
            ).fetchone()
        return int(row[0])

    def unsent_samples(self, rid: str, first_sample: int, end_sample: int) -> int:
        """Count the samples of a window that are spooled but not confirmed."""
        with self._lock:
            row = self._db.execute(
                "SELECT coalesce(sum("
                "min(first_sample+n_samples, ?)-max(first_sample, ?)),0) FROM segment"
                " WHERE rid=? AND first_sample<? AND first_sample+n_samples>?",
                (end_sample, first_sample, rid, end_sample, first_sample),
            ).fetchone()
        return int(row[0])

    def backlog(self) -> Backlog:
        """Say how much waits and since when."""
        with self._lock:
            count, samples, oldest, aside = self._db.execute(
                "SELECT count(*) FILTER (WHERE aside IS NULL),"
                " coalesce(sum(n_samples) FILTER (WHERE aside IS NULL),0),"
                " min(at) FILTER (WHERE aside IS NULL),"
                " count(*) FILTER (WHERE aside IS NOT NULL) FROM segment"
            ).fetchone()
            size = self._size_bytes
        at = None if oldest is None else datetime.fromisoformat(oldest).astimezone(UTC)
        return Backlog(count, samples, size, at, aside)

    def erase(self) -> None:
        """Forget everything: the loan ended. The file keeps no trace of it."""
        with self._lock:
            erase(self._db)
            self._size_bytes = 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _note_stored(
    db: sqlite3.Connection, rid: str, first_sample: int, end_sample: int, at: datetime
) -> None:
    """Add a range to those that are on disk, and join it with its neighbours."""
    joined = db.execute(
        "DELETE FROM stored WHERE rid=? AND first_sample<=? AND end_sample>=?"
        " RETURNING first_sample, end_sample",
        (rid, end_sample, first_sample),
    ).fetchall()
    first = min([first_sample, *(low for low, _ in joined)])
    end = max([end_sample, *(high for _, high in joined)])
    db.execute("INSERT INTO stored VALUES (?,?,?)", (rid, first, end))
    db.execute(
        "UPDATE clock SET heard_at=? WHERE rid=? AND NOT EXISTS"
        " (SELECT 1 FROM stored WHERE rid=? AND end_sample>?)",
        (at.isoformat(), rid, rid, end_sample),
    )
