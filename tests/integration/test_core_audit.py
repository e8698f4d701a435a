"""The record of what was done cannot be changed without being found."""

import sqlite3

import pytest
from sqlalchemy.exc import DatabaseError
from sqlmodel import col, select

from clinic_server.staff import service as staff_service
from clinic_server.staff.models import AuditEntry
from tests.integration.conftest import Clinic


def test_the_audit_cannot_be_changed_and_tampering_is_found(clinic: Clinic) -> None:
    with clinic.write() as session:
        for i in range(20):
            staff_service.audit(
                session,
                at=clinic.clock.forward(seconds=1),
                actor_kind="system",
                actor_id="",
                action="test.act",
                object_kind="thing",
                object_id=i,
                detail={"名": "值", "n": i / 3},
            )
    with clinic.read() as session:
        assert staff_service.verify_audit(session) is None
        rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
    assert len(rows) == 20
    if not clinic.parts.db.is_sqlite:
        with pytest.raises(DatabaseError, match="append-only"), clinic.write() as session:
            session.connection().exec_driver_sql("DELETE FROM audit")
        return
    file = clinic.parts.settings.data_dir / "anxin.sqlite"
    tampering = {
        "a changed detail": ("UPDATE audit SET detail = '{}' WHERE id = 7", 7),
        "another time": ("UPDATE audit SET at = '2020-01-01 00:00:00' WHERE id = 9", 9),
        "another actor": ("UPDATE audit SET actor_id = '1' WHERE id = 3", 3),
        "another patient": ("UPDATE audit SET patient_id = 4 WHERE id = 5", 5),
        "a row taken out": ("DELETE FROM audit WHERE id = 11", 12),
        "the first row taken out": ("DELETE FROM audit WHERE id = 1", 2),
        "two rows in other order": (
            "UPDATE audit SET id = CASE id WHEN 4 THEN -5 ELSE -4 END WHERE id IN (4, 5);"
            "UPDATE audit SET id = -id WHERE id < 0",
            4,
        ),
    }
    original = file.parent / "original.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("UPDATE audit SET action = 'x' WHERE id = 2")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("DELETE FROM audit")
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("DROP TRIGGER audit_no_delete")
        backup = sqlite3.connect(original)
        connection.commit()
        connection.backup(backup)
        for name, (statement, first_bad) in tampering.items():
            connection.executescript(statement)
            connection.commit()
            with clinic.read() as session:
                assert staff_service.verify_audit(session) == first_bad, name
            backup.backup(connection)
        backup.close()
    connection.close()
