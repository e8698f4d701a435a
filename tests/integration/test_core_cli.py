"""The command line: people, records from files, the audit."""

import io
import json
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
import wfdb
from sqlmodel import select

from clinic_server import cli
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.migrations import run as migrations
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording, Segment
from clinic_server.staff.models import AuditEntry, Role, Staff
from tests import factories as make
from tests.factories import PASSWORD
from tests.unit.edf_files import edf

FS_HZ = 360


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clinic's data, with one patient A0001."""
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    data = tmp_path / "data"
    data.mkdir()
    db = Database(f"sqlite:///{data / 'anxin.sqlite'}", Bus())
    migrations.upgrade(db)
    with db.write() as session:
        make.make_patient(session, make.make_staff(session))
    db.close()
    return data


def reading(folder: Path) -> Database:
    """Open the data again."""
    return Database(f"sqlite:///{folder / 'anxin.sqlite'}", Bus())


def write_record(place: Path, seconds: int = 25) -> np.ndarray:
    """Write a two-lead WFDB record; give its millivolts as the file holds them."""
    rng = np.random.default_rng(7)
    millivolts = rng.normal(0, 0.3, (seconds * FS_HZ, 2))
    wfdb.wrsamp(
        "walk",
        fs=FS_HZ,
        units=["mV", "mV"],
        sig_name=["MLII", "V1"],
        p_signal=millivolts,
        fmt=["16", "16"],
        adc_gain=[200.0, 200.0],
        baseline=[1024, 1024],
        write_dir=str(place),
    )
    stored: np.ndarray = wfdb.rdrecord(str(place / "walk"), physical=False).d_signal
    return stored - 1024


def import_record(folder: Path, record: Path, mrn: str = "A0001") -> int:
    """Run ``anxin import``."""
    return cli.main(["import", str(record), "--patient", mrn, "--data-dir", str(folder)])


def test_a_record_is_imported_with_all_leads_and_every_sample(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = write_record(tmp_path)
    assert import_record(folder, tmp_path / "walk") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["samples"], line["leads"]) == (25 * FS_HZ, ["MLII", "V1"])
    db = reading(folder)
    with db.read() as session:
        recording = recordings.recording_by_id(session, line["recording"])
        window = recordings.window(session, recording.id, 0, recording.end_sample)
        actions = session.exec(select(AuditEntry.action)).all()
    db.close()
    assert (recording.fs_hz, recording.gain_counts_per_mv) == (FS_HZ, 200.0)
    assert (recording.close_reason, recording.next_seq) == ("imported", 3)
    assert recording.closed_at is not None
    assert np.array_equal(window.counts, expected)
    assert window.present.all()
    assert "recordings.import" in actions


def test_a_terminal_shows_how_far_it_is_and_which_leads_were_left_out(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = np.arange(1300 * 100, dtype="<i2").reshape(-1, 100)
    signals = {"II": ("mV", -5, 5, counts), "V5": ("mV", -5, 5, counts[:, :50])}
    (tmp_path / "slow.edf").write_bytes(edf(signals))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert import_record(folder, tmp_path / "slow.edf") == 0
    said = capsys.readouterr()
    line = json.loads(said.out)
    assert (line["leads"], line["left_out"]) == (["II"], ["V5"])
    shares = [int(part.split("%")[0]) for part in said.err.split("] ")[1:]]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], len(shares)) == (0, 100, 4)
    db = reading(folder)
    with db.read() as session:
        query = select(AuditEntry).where(AuditEntry.action == "recordings.import")
        assert session.exec(query).one().detail["left_out"] == ["V5"]
    db.close()


def test_odd_leads_are_stored_upright_and_under_names_of_their_own(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = np.arange(300 * 20, dtype="<i2").reshape(20, 300)
    names = ("\x00\x1b[31m", "II", "II ", "\x01")
    signals = dict.fromkeys(names, ("mV", -5, 5, counts))
    signals["II "] = ("mV", 5, -5, counts)
    (tmp_path / "odd.edf").write_bytes(edf(signals))
    assert import_record(folder, tmp_path / "odd.edf") == 0
    line = json.loads(capsys.readouterr().out)
    assert line["leads"] == ["[31m", "II", "II(2)", "lead4"]
    db = reading(folder)
    with db.read() as session:
        window = recordings.window(session, line["recording"], 0, 6000)
    db.close()
    assert np.array_equal(window.counts[:, 2], -window.counts[:, 1])


def test_the_same_file_twice_is_one_recording(folder: Path, tmp_path: Path) -> None:
    write_record(tmp_path)
    assert import_record(folder, tmp_path / "walk") == 0
    time.sleep(1.0)  # a file without a start gets another one: still the same file
    assert import_record(folder, tmp_path / "walk.dat") == 0
    db = reading(folder)
    with db.read() as session:
        assert len(session.exec(select(Recording)).all()) == 1
        assert len(session.exec(select(Segment.seq)).all()) == 3
    db.close()


def test_a_bad_file_gets_its_reason_and_leaves_nothing_behind(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(tmp_path)
    whole = (tmp_path / "walk.dat").read_bytes()
    (tmp_path / "walk.dat").write_bytes(whole[:5000])
    (tmp_path / "text.edf").write_text("this is no recording")
    (tmp_path / "half.hea").write_text("half 2 360\nhalf.dat 16")
    (tmp_path / "empty.edf").write_bytes(b"")
    for name in ("walk", "text.edf", "half", "empty.edf", "nowhere", ""):
        assert import_record(folder, tmp_path / name) == 1, name
        said = capsys.readouterr()
        assert said.err.startswith("This file cannot be read: "), name
        assert not said.out
    db = reading(folder)
    with db.read() as session:
        assert not session.exec(select(Recording)).all()
        assert not session.exec(select(Segment.seq)).all()
    db.close()


def test_an_unknown_patient_is_refused_in_the_readers_language(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_record(tmp_path)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert import_record(folder, tmp_path / "walk", mrn="nobody") == 1
    assert "患者" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mitdb/207", "vfdb/422"])
def test_real_records_are_imported_exactly(
    folder: Path,
    shared_ecg: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = shared_ecg / name
    if not place.with_suffix(".hea").is_file():
        pytest.skip(f"{name} is not in shared/ecg")
    assert import_record(folder, place) == 0
    line = json.loads(capsys.readouterr().out)
    signal = wfdb.rdrecord(str(place), sampto=5000).p_signal
    db = reading(folder)
    with db.read() as session:
        recording = recordings.recording_by_id(session, line["recording"])
        window = recordings.window(session, recording.id, 0, 5000)
    db.close()
    found = window.counts / recording.gain_counts_per_mv
    assert np.allclose(found, signal, atol=0.5 / recording.gain_counts_per_mv)


def test_a_person_is_created_with_a_password_from_a_pipe(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def create(password: str, username: str = "li") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        return cli.main(
            [
                *("create-staff", username, "--name", "李医生", "--role", "physician"),
                *("--password-stdin", "--data-dir", str(folder)),
            ]
        )

    assert create("short") == 1
    assert "12" in capsys.readouterr().err
    assert create(PASSWORD) == 0
    assert create(PASSWORD) == 1
    assert "taken" in capsys.readouterr().err
    db = reading(folder)
    with db.read() as session:
        staff = session.exec(select(Staff).where(Staff.username == "li")).one()
    db.close()
    assert staff.role is Role.PHYSICIAN
    assert staff.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_verifying_the_audit_says_ok_or_which_row(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", "verify", "--data-dir", str(folder)]
    assert cli.main(command) == 0
    assert capsys.readouterr().out == "ok\n"
    connection = sqlite3.connect(folder / "anxin.sqlite")
    with connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET action = 'patients.remove' WHERE id = 1")
    connection.close()
    assert cli.main(command) == 1
    assert "row 1" in capsys.readouterr().out


def test_migrating_prints_the_schema(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["migrate", "--data-dir", str(folder)]) == 0
    folder_of_versions = Path(migrations.__file__).parent / "versions"
    newest = max(file.name[:4] for file in folder_of_versions.glob("0*.py"))
    assert capsys.readouterr().out == f"{newest}\n"


def test_every_command_of_the_product_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    for name in ("serve", "migrate", "create-staff", "import", "audit", "analyze"):
        assert name in said
    for name in ("annotate", "evaluate", "alarms", "phone"):
        assert name in said
