"""Whatever bit of the audit is changed, in whatever column, it is found at that row."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.migrations import run as migrations
from clinic_server.staff.audit import audit, verify_audit
from tests.factories import NOW

ROWS = 12
COLUMNS = (
    "id", "at", "actor_kind", "actor_id", "action", "object_kind", "object_id",
    "patient_id", "detail", "prev_hash", "hash",
)  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("audit")
    db = Database(f"sqlite:///{folder / 'a.sqlite'}", Bus())
    migrations.upgrade(db)
    details: tuple[dict[str, Any], ...]
    details = ({}, {"n": 1e-05, "名": "值é"}, {"z": None, "a": [1, {"b": True}], "x": "\n"})
    with db.write() as session:
        for n in range(ROWS):
            audit(
                session,
                at=NOW + timedelta(seconds=n, microseconds=n * 1000),
                actor_kind="staff",
                actor_id=n,
                action="test.act",
                object_kind="thing",
                object_id="物" * (n % 3),
                patient_id=n or None,
                detail=details[n % 3],
            )
        connection = session.connection()
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
    yield db
    db.close()


def file_of(db: Database) -> Path:
    return Path(str(db.engine.url.database))


@given(
    row=st.integers(1, ROWS),
    column=st.sampled_from(COLUMNS),
    position=st.integers(0, 10_000),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_every_flipped_bit_is_found(
    database: Database, row: int, column: str, position: int
) -> None:
    connection = sqlite3.connect(file_of(database))
    connection.text_factory = bytes
    (before,) = connection.execute(
        f"SELECT {column} FROM audit WHERE id = ?",  # noqa: S608 - our own names
        (row,),
    ).fetchone()
    assume(before not in (None, b""))
    if isinstance(before, int):
        after: int | str = before ^ (1 << position % 62)
    else:
        flipped = bytearray(before)
        flipped[position // 8 % len(before)] ^= 1 << position % 8
        after = flipped.hex()
    value = "?" if isinstance(after, int) else "CAST(unhex(?) AS TEXT)"
    change = f"UPDATE audit SET {column} = {value} WHERE id = ?"  # noqa: S608 - same
    connection.create_function("unhex", 1, bytes.fromhex)
    try:
        with connection:
            connection.execute(change, (after, row))
    except sqlite3.IntegrityError:  # that number or hash is taken: nothing was changed
        connection.close()
        return
    with database.read() as session:
        found = verify_audit(session)
    number = after if column == "id" else row
    with connection:
        value = "?" if isinstance(before, int) else "CAST(? AS TEXT)"
        undo = f"UPDATE audit SET {column} = {value} WHERE id = ?"  # noqa: S608 - same
        connection.execute(undo, (before, number))
    connection.close()
    assert found is not None
    if column != "id":
        assert found == row
    with database.read() as session:
        assert verify_audit(session) is None


def test_taken_out_swapped_and_unreadable_rows_are_found(database: Database) -> None:
    tampering = (
        ("DELETE FROM audit WHERE id = 5", 6),
        ("UPDATE audit SET detail = CAST(x'ff22' AS TEXT) WHERE id = 4", 4),
        ("UPDATE audit SET at = CAST(at AS BLOB) WHERE id = 3", 3),
        ("UPDATE audit SET patient_id = 'x' WHERE id = 7", 7),
        ("UPDATE audit SET id = 400 WHERE id = 12", 400),
    )
    for statement, first_bad in tampering:
        with database.read() as session:  # thrown away at its end
            session.connection().exec_driver_sql(statement)
            assert verify_audit(session) == first_bad, statement
