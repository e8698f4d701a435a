"""A patient's own file, over HTTP: complete, readable elsewhere, noted, and only theirs."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from sqlmodel import select

from analytics.records_edf import open_edf
from clinic_server.staff.models import AuditEntry
from tests import factories as make
from tests.integration.conftest import Clinic, Ward

SEGMENT = 2500


def test_the_file_holds_every_sample_and_the_audit_says_who_took_it(
    clinic: Clinic, ward: Ward, tmp_path: Path
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in (0, 1, 3):  # the third is still on the phone: a gap
        assert phone.put(seq).status_code == 201
    physician = clinic.sign_in("zhang")
    answer = physician.post(f"/console/patients/{ward.patient_id}/export")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = set(archive.namelist())
        (tmp_path / "one.edf").write_bytes(archive.read("ecg/001.edf"))
        loans = list(csv.DictReader(io.StringIO(archive.read("loans.csv").decode())))
        readme = archive.read("README.txt").decode()
    assert {"alarms.csv", "tasks.csv", "diary.csv", "ecg/001-beats.csv"} <= names
    assert [loan["serial"] for loan in loans] == ["AX-0001"]
    assert "A0001" in readme

    record = open_edf(tmp_path / "one.edf")
    stored = np.concatenate([make.ecg_counts(n * SEGMENT, SEGMENT) for n in (0, 1)])
    assert np.array_equal(record.read(0, 2 * SEGMENT, [0]), stored)
    newest = record.read(3 * SEGMENT, 4 * SEGMENT, [0])
    assert np.array_equal(newest, make.ecg_counts(3 * SEGMENT, SEGMENT))
    assert (2 * SEGMENT, "Recording gap") in record.notes

    with clinic.read() as session:
        noted = session.exec(
            select(AuditEntry).where(AuditEntry.action == "patients.export")
        ).one()
    assert noted.patient_id == ward.patient_id
    assert noted.detail == {"bytes": len(answer.content)}


def test_nobody_else_gets_the_file_and_nothing_is_left_on_the_disk(
    clinic: Clinic, ward: Ward
) -> None:
    with clinic.write() as session:
        make.make_staff(session, "li")
    before = set(clinic.parts.settings.data_dir.iterdir())
    stranger = clinic.sign_in("li")
    assert stranger.post(f"/console/patients/{ward.patient_id}/export").status_code == 404
    own = clinic.sign_in("zhang")
    assert own.post(f"/console/patients/{ward.patient_id}/export").status_code == 200
    assert set(clinic.parts.settings.data_dir.iterdir()) == before
