"""An import that is killed goes on, or leaves nothing; and none fills the memory."""

import multiprocessing
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import wfdb
from sqlmodel import func, select

from clinic_server.importer import import_record
from clinic_server.recordings import importing
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording, Segment
from clinic_server.staff.models import Role
from tests import factories as make
from tests.integration.test_import_files import FS_HZ, Desk, write_record

SECONDS = 3 * importing.BLOCK_S + 100
LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]


@pytest.fixture
def desk(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "liu", Role.TECHNICIAN)
    return Desk(clinic.sign_in("liu"), ward.patient_id)


def sent(desk: Desk, folder: Path) -> tuple[str, np.ndarray]:
    """Send a record of three blocks and begin to store it."""
    counts = write_record(folder, SECONDS)
    files = {name: (folder / name).read_bytes() for name in ("holter.hea", "holter.dat")}
    upload = desk.begin(files).json()["id"]
    received = desk.browser.get(f"/desk/imports/{upload}").json()["received"]
    assert received == [0, 0]
    for number, whole in enumerate(files.values()):
        for offset in range(0, len(whole), 500_000):
            desk.put(upload, number, offset, whole[offset : offset + 500_000])
    assert desk.finish(upload, files).status_code == 202
    return upload, counts


def kill(when: Callable[[], bool]) -> None:
    """Kill the importing process as soon as something holds."""
    deadline = time.monotonic() + 60
    while not when():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    # that of an earlier test may be about to end
    children = multiprocessing.active_children()
    process = max(children, key=lambda child: int(child.name.rpartition("-")[2]))
    process.kill()
    process.join()


def n_rows(clinic, table: type) -> int:
    with clinic.read() as session:
        return int(session.exec(select(func.count()).select_from(table)).one())


def is_announced(clinic, known: int) -> bool:
    """The import has come so far that something is left of it, now or from before."""
    return known > 0 or n_rows(clinic, Recording) > known


@pytest.mark.kill
def test_an_import_killed_half_way_goes_on_by_itself(desk, clinic, clock, tmp_path):
    upload, counts = sent(desk, tmp_path)
    kill(lambda: n_rows(clinic, Segment) > 0)
    half = n_rows(clinic, Segment)
    assert half < len(counts) / (importing.SEGMENT_S * FS_HZ)
    with clinic.write() as session:
        assert recordings.close_due(session, clock.now) == [], "it is not a full day"
    clock.forward(seconds=61)
    clinic.tick("desk.imports")
    done = desk.outcome(upload)
    assert (done["state"], done["stored_share"]) == ("done", 1.0)
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, done["recording_id"])
        window = recordings.window(session, recording.id, 0, recording.end_sample)
    assert recording.close_reason == "imported"
    assert np.array_equal(window.counts, counts)
    assert n_rows(clinic, Recording) == 1


@pytest.mark.kill
def test_an_import_that_is_killed_each_time_fails_and_leaves_nothing(
    desk, clinic, clock, tmp_path
):
    """The first process dies before it did anything at all: it is not waited for."""
    upload, _ = sent(desk, tmp_path)
    kill(lambda: True)
    for _ in range(2):
        clock.forward(seconds=61)
        clinic.tick("desk.imports")
        known = n_rows(clinic, Recording)
        kill(partial(is_announced, clinic, known))
    assert desk.browser.get(f"/desk/imports/{upload}").json()["state"] == "storing"
    clock.forward(seconds=61)
    clinic.tick("desk.imports")
    failed = desk.outcome(upload)
    assert failed["state"] == "failed"
    assert "given up" in failed["reason"]
    assert failed["recording_id"] is None
    assert (n_rows(clinic, Recording), n_rows(clinic, Segment)) == (0, 0)
    folder = clinic.parts.settings.data_dir / "imports" / upload
    assert [file.name for file in folder.iterdir()] == ["upload.json"]


def test_the_number_of_an_import_is_told_before_anything_is_stored(clinic, ward, tmp_path):
    write_record(tmp_path, SECONDS)
    stored_when_told = []
    import_record(
        clinic.parts.db,
        tmp_path / "holter.hea",
        "A0001",
        "Asia/Shanghai",
        make.NOW,
        progress=lambda *_: stored_when_told.append(n_rows(clinic, Recording)),
    )
    assert stored_when_told[0] == 0, "killed here, the clean-up knows what to look for"
    assert stored_when_told[-1] == 1


class Stopped(Exception):
    """The command's process ends here."""


def test_half_an_import_of_the_command_line_is_gone_after_a_day(
    clinic, clock, ward, tmp_path
):
    write_record(tmp_path, SECONDS)

    def stop(recording_id: str, share: float) -> None:
        if share > 0:
            raise Stopped(recording_id)

    with pytest.raises(Stopped):
        import_record(clinic.parts.db, tmp_path / "holter", "A0001", "UTC", clock.now, stop)
    assert n_rows(clinic, Segment) == importing.ROWS_AT_ONCE
    clinic.tick("desk.imports")
    assert n_rows(clinic, Recording) == 1, "it may go on yet"
    clock.forward(hours=25)
    clinic.tick("desk.imports")
    assert (n_rows(clinic, Recording), n_rows(clinic, Segment)) == (0, 0)


def test_a_file_that_goes_bad_while_it_is_stored_leaves_nothing(
    clinic, clock, ward, tmp_path
):
    write_record(tmp_path, SECONDS)

    def cut(recording_id: str, share: float) -> None:
        del recording_id
        if share > 0:
            (tmp_path / "holter.dat").write_bytes(b"")

    with pytest.raises(Exception, match="bad_file"):
        import_record(clinic.parts.db, tmp_path / "holter", "A0001", "UTC", clock.now, cut)
    assert (n_rows(clinic, Recording), n_rows(clinic, Segment)) == (0, 0)


def write_day(folder: Path, hours: float) -> Path:
    """Write a 12-lead record of 500 Hz, a piece at a time."""
    n_samples = round(hours * 3600 * 500)
    rng = np.random.default_rng(4)
    with (folder / "day.dat").open("wb") as file:
        for first in range(0, n_samples, 900_000):
            n = min(900_000, n_samples - first)
            walk = rng.integers(-9, 10, (n, 12)).cumsum(axis=0) % 2000 - 1000
            file.write(walk.astype("<i2").tobytes())
    lines = [f"day 12 500 {n_samples}"]
    lines += [f"day.dat 16 200(0)/mV 16 0 0 0 0 {name}" for name in LEADS]
    (folder / "day.hea").write_text("\n".join(lines) + "\n")
    return folder / "day"


def test_what_is_in_memory_does_not_grow_with_the_record(clinic, clock, ward, tmp_path):
    peaks = []
    for hours in (0.4, 0.8):
        folder = tmp_path / str(hours)
        folder.mkdir()
        record = write_day(folder, hours)
        tracemalloc.start()
        import_record(clinic.parts.db, record, "A0001", "UTC", clock.now)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    block = importing.BLOCK_S * 500 * 12 * 4  # bytes, of the counts alone
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 12 * block


@pytest.mark.bench
def test_a_day_of_twelve_leads_imports_in_bounded_memory(clinic, ward, tmp_path, capsys):
    record = write_day(tmp_path, 24.0)
    settings = clinic.parts.settings
    began = time.monotonic()
    command = [sys.executable, "-m", "clinic_server.cli", "import", str(record)]
    command += ["--patient", "A0001", "--data-dir", str(settings.data_dir)]
    environment = os.environ | {"CLINIC_DATABASE_URL": settings.url}
    subprocess.run(command, check=True, env=environment)
    wall_s = time.monotonic() - began
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with clinic.read() as session:
        kept = recordings.latest_for(session, ward.patient_id)
        assert kept is not None
        assert kept.stored_samples == 24 * 3600 * 500
    with capsys.disabled():
        print({"wall_s": wall_s, "peak_mb": peak_mb})  # noqa: T201 - a bench's figure
    assert peak_mb < 1000
    assert timedelta(seconds=wall_s) < timedelta(hours=1)
    assert wfdb.rdheader(str(record)).sig_len == kept.stored_samples
