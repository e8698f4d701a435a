"""Erase what a database file holds, so that the file keeps no trace of it."""

import sqlite3


def erase(db: sqlite3.Connection) -> None:
    """Delete every row, overwrite what they were written on, and give the room back.

    Parameters
    ----------
    db : sqlite3.Connection
        In autocommit mode and in nobody else's transaction.
    """
    db.execute("PRAGMA secure_delete=ON")
    tables = db.execute(
        "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in tables:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of our own schema
    db.execute("VACUUM")
    # the log in front of the file holds copies of old pages until it is cut
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
