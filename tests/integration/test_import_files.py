"""A Holter file comes in over the desk: in chunks, resumed, or with its reason."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from sqlmodel import select

from clinic_server.importer import import_record
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording
from clinic_server.reports import worker
from clinic_server.staff.models import AuditEntry, Role
from clinic_server.wire.ecg import decode_segment
from tests import factories as make

FS_HZ = 250
CHUNK = 20_000


def write_record(folder: Path, seconds: int = 50) -> np.ndarray:
    """Write three leads; give their counts."""
    rng = np.random.default_rng(11)
    counts = rng.integers(-900, 900, (seconds * FS_HZ, 3))
    wfdb.wrsamp(
        "holter",
        fs=FS_HZ,
        units=["mV"] * 3,
        sig_name=["I", "II", "V5"],
        p_signal=counts / 200.0,
        fmt=["16"] * 3,
        adc_gain=[200.0] * 3,
        baseline=[0] * 3,
        write_dir=str(folder),
    )
    return counts


class Desk:
    """A technician with a browser."""

    def __init__(self, browser: Any, patient_id: int) -> None:
        self.browser = browser
        self.patient_id = patient_id

    def begin(self, files: dict[str, bytes]) -> Any:
        claims = [{"name": n, "size_bytes": len(b)} for n, b in files.items()]
        body = {"patient_id": self.patient_id, "files": claims}
        return self.browser.post("/desk/imports", json=body)

    def put(self, upload: str, number: int, offset: int, chunk: bytes) -> Any:
        return self.browser.http.put(
            f"/desk/imports/{upload}/files/{number}",
            params={"offset": offset},
            content=chunk,
            headers={"X-CSRF": self.browser.csrf},
        )

    def send(self, upload: str, files: dict[str, bytes], chunks: int = 10**6) -> None:
        """Send what is missing, at most so many chunks: as the page does."""
        received = self.browser.get(f"/desk/imports/{upload}").json()["received"]
        for number, whole in enumerate(files.values()):
            for offset in range(received[number], len(whole), CHUNK):
                if chunks == 0:
                    return
                chunks -= 1
                answer = self.put(upload, number, offset, whole[offset : offset + CHUNK])
                assert answer.status_code == 200, answer.text

    def finish(self, upload: str, files: dict[str, bytes]) -> Any:
        digests = [hashlib.sha256(whole).hexdigest() for whole in files.values()]
        return self.browser.post(f"/desk/imports/{upload}/finish", json={"sha256": digests})

    def outcome(self, upload: str, locale: str = "en") -> dict[str, Any]:
        """Wait for the end of an import."""
        deadline = time.monotonic() + 60
        while True:
            answer = self.browser.get(
                f"/desk/imports/{upload}", headers={"Accept-Language": locale}
            )
            state: dict[str, Any] = answer.json()
            if state["state"] in ("done", "failed"):
                return state
            assert time.monotonic() < deadline, state
            time.sleep(0.2)


@pytest.fixture
def desk(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "liu", Role.TECHNICIAN)
    return Desk(clinic.sign_in("liu"), ward.patient_id)


def test_a_record_sent_in_two_sittings_is_stored_sample_by_sample(desk, clinic, tmp_path):
    counts = write_record(tmp_path)
    files = {name: (tmp_path / name).read_bytes() for name in ("holter.hea", "holter.dat")}
    upload = desk.begin(files).json()["id"]
    desk.send(upload, files, chunks=3)
    assert desk.finish(upload, files).json()["code"] == "desk.import_incomplete"
    state = desk.browser.get(f"/desk/imports/{upload}").json()
    assert state["received"] == [len(files["holter.hea"]), 2 * CHUNK]
    again = desk.put(upload, 1, CHUNK, files["holter.dat"][CHUNK : 2 * CHUNK])
    assert again.json() == {"received": 2 * CHUNK}, "the same chunk twice is once"
    hole = desk.put(upload, 1, 3 * CHUNK, b"x")
    assert (hole.status_code, hole.json()["code"]) == (409, "desk.import_offset")
    desk.send(upload, files)
    assert desk.finish(upload, files).status_code == 202
    assert desk.put(upload, 1, 0, b"x").status_code == 409
    done = desk.outcome(upload)
    assert (done["state"], done["stored_share"]) == ("done", 1.0)
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, done["recording_id"])
        window = recordings.window(session, recording.id, 0, recording.end_sample)
        actions = session.exec(
            select(AuditEntry.action).where(AuditEntry.actor_kind == "staff")
        ).all()
    assert recording.patient_id == desk.patient_id
    assert recording.close_reason == "imported"
    assert np.array_equal(window.counts, counts)
    assert window.present.all()
    assert "desk.import" in actions
    folder = clinic.parts.settings.data_dir / "imports" / upload
    assert [file.name for file in folder.iterdir()] == ["upload.json"]


@pytest.mark.parametrize(
    ("name", "content", "en", "zh"),
    [
        ("text.edf", b"this is no recording", "neither WFDB, EDF nor ISHNE", "不是 WFDB"),
        ("cut.hea", b"cut 2 360\ncut.dat 16", "This file cannot be read", "无法读取"),
        (
            "sly.hea",
            b"sly 1 250 100\n../upload.json 16 200 16 0 0 0 0 I\n",
            "names a file that was not uploaded",
            "没有上传的文件",
        ),
    ],
)
def test_a_bad_file_gets_its_reason_and_leaves_nothing(desk, clinic, name, content, en, zh):
    files = {name: content}
    upload = desk.begin(files).json()["id"]
    desk.send(upload, files)
    desk.finish(upload, files)
    failed = desk.outcome(upload)
    assert failed["state"] == "failed"
    assert en in failed["reason"]
    assert zh in desk.outcome(upload, "zh-CN")["reason"]
    with clinic.read() as session:
        assert session.exec(select(Recording)).all() == []
    folder = clinic.parts.settings.data_dir / "imports" / upload
    assert not (folder / name).exists()


def test_what_cannot_be_a_record_is_refused_at_the_door(desk, clinic):
    for files in (
        {"../up.edf": b"x"},
        {".hidden.edf": b"x"},
        {"upload.json": b"x"},
        {"run.exe": b"x"},
        {"a.edf": b"x", "b.edf": b"x"},
        {"a.hea": b"x", "b.hea": b"x"},
        {"A.hea": b"x", "a.hea": b"x"},
    ):
        assert desk.begin(files).status_code == 422, files
    claims = [{"name": "big.edf", "size_bytes": 2**30}] * 1
    claims += [{"name": "big.hea", "size_bytes": 2**30 + 1}]
    body = {"patient_id": desk.patient_id, "files": claims}
    answer = desk.browser.post("/desk/imports", json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "desk.import_too_large")
    body = {"patient_id": 999, "files": [{"name": "a.edf", "size_bytes": 5}]}
    assert desk.browser.post("/desk/imports", json=body).status_code == 404


def test_damage_on_the_way_is_seen_and_the_file_can_be_sent_again(desk):
    files = {"a.edf": b"0       " + bytes(300)}
    upload = desk.begin(files).json()["id"]
    desk.send(upload, {"a.edf": b"1" + files["a.edf"][1:]})
    said = desk.finish(upload, files)
    assert (said.status_code, said.json()["code"]) == (422, "desk.import_damaged")
    assert desk.browser.get(f"/desk/imports/{upload}").json()["received"] == [0]
    desk.send(upload, files)
    assert desk.finish(upload, files).status_code == 202
    assert desk.outcome(upload)["state"] == "failed", "an empty EDF"


def test_an_upload_is_its_makers_alone_and_can_be_given_up(desk, clinic):
    files = {"a.edf": bytes(100)}
    upload = desk.begin(files).json()["id"]
    other = clinic.sign_in("zhang")
    assert other.get(f"/desk/imports/{upload}").status_code == 404
    assert desk.browser.get("/desk/imports/" + "0" * 36).status_code == 404
    assert desk.put(upload, 5, 0, b"x").status_code == 404
    assert desk.put(upload, 0, 0, bytes(101)).status_code == 413
    for _ in range(3):
        assert desk.begin(files).status_code == 201
    assert desk.begin(files).status_code == 429
    gone = desk.browser.http.delete(
        f"/desk/imports/{upload}", headers={"X-CSRF": desk.browser.csrf}
    )
    assert gone.status_code == 204
    assert desk.browser.get(f"/desk/imports/{upload}").status_code == 404


def test_the_page_lists_the_patients_of_whoever_looks(desk):
    page = desk.browser.get("/desk/import", headers={"Accept": "text/html"}).text
    assert "王建国" in page
    assert "import.js" in page


def test_an_imported_file_is_read_by_its_signal(clinic, ward, tmp_path):
    # No file proves contact: that none is claimed must not make a day of lead-off.
    bodies = make.ectopic_segments(60, FS_HZ)
    counts = np.concatenate([decode_segment(body)[1] for body in bodies])
    wfdb.wrsamp(
        "holter",
        fs=FS_HZ,
        units=["mV"],
        sig_name=["II"],
        p_signal=counts / 200.0,
        fmt=["16"],
        write_dir=str(tmp_path),
    )
    record = tmp_path / "holter.hea"
    import_record(clinic.parts.db, record, "A0001", "Asia/Shanghai", make.NOW)
    with clinic.read() as session:
        kept = recordings.latest_for(session, ward.patient_id)
        assert kept is not None
        window = recordings.window(session, kept.id, 0, kept.end_sample)
        assert window.touching.all()
        assert not window.contact.any()
    found = worker.analyse(clinic.parts.settings.url, kept.id, "Asia/Shanghai")
    assert found["coverage"]["lead_off_s"] == 0.0
    assert found["coverage"]["analysable_pct"] > 90.0
    assert found["heart_rate"]["total_beats"] > 50
