"""Store an uploaded record in a process of its own.

A day of twelve leads is minutes of work: neither the server's event loop nor its writers
shall feel that. The process writes its outcome into the upload's state and ends. While it
lives it holds a lock on the upload; `revive` finds those that were killed and lets them go
on where they stopped, a few times.
"""

import contextlib
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.deps import App
from clinic_server.desk.uploads import Upload, Uploads
from clinic_server.errors import ClinicError
from clinic_server.importer import import_record
from clinic_server.recordings import importing

FOLDER = "imports"
ATTEMPTS = 3
STARTING = timedelta(minutes=1)
"""A process that was only just begun may not hold its lock yet."""


def start(app: App, upload: Upload, now: datetime) -> None:
    """Begin to store an upload whose files are complete; returns at once.

    Parameters
    ----------
    upload : Upload
        Becomes ``storing``.
    """
    multiprocessing.active_children()  # takes leave of those that have ended
    settings = app.settings
    folder = settings.data_dir / FOLDER
    upload.state, upload.stored_from = "storing", now
    upload.attempts += 1
    Uploads(folder).save(upload)
    process = multiprocessing.get_context("spawn").Process(
        target=store,
        args=(settings.url, folder, upload.id, settings.time_zone),
        daemon=True,
    )
    process.start()


def revive(app: App, now: datetime) -> None:
    """Let imports go on whose process was killed; give up one that is killed each time."""
    uploads = Uploads(app.settings.data_dir / FOLDER)
    for upload in uploads.all():
        if upload.state != "storing" or not _is_dead(uploads, upload, now):
            continue
        if upload.attempts < ATTEMPTS:
            start(app, upload, now)
            continue
        with app.db.write() as session:
            importing.discard(session, upload.recording_id or "")
        upload.state, upload.code = "failed", "desk.import_stopped"
        upload.recording_id = None
        uploads.clear(upload)
        uploads.save(upload)
    with app.db.write() as session:
        importing.discard_stale(session, now)


def _is_dead(uploads: Uploads, upload: Upload, now: datetime) -> bool:
    if upload.stored_from is not None and now - upload.stored_from < STARTING:
        return False
    lock = uploads.lock(upload.id)
    if lock is None:
        return False
    lock.close()
    # it may have ended well between the two looks
    return uploads.load(upload.id).state == "storing"


def store(url: str, folder: Path, upload_id: str, time_zone: str) -> None:
    """Import the record of an upload (entry of the process)."""
    uploads = Uploads(folder)
    lock = uploads.lock(upload_id)
    if lock is None:
        return
    with lock:
        upload = uploads.load(upload_id)
        if upload.state == "storing":
            with contextlib.suppress(OSError):
                os.nice(10)
            _store(url, uploads, upload, time_zone)


def _store(url: str, uploads: Uploads, upload: Upload, time_zone: str) -> None:
    names = [one.name for one in upload.files]
    record = next((n for n in names if n.lower().endswith(".hea")), names[0])

    def progress(recording_id: str, share: float) -> None:
        upload.recording_id, upload.stored_share = recording_id, share
        uploads.save(upload)

    db = Database(url, Bus())
    try:
        done = import_record(
            db,
            uploads.place(upload.id) / record,
            upload.mrn,
            time_zone,
            datetime.now(UTC),
            progress=progress,
        )
    except ClinicError as error:
        upload.state, upload.code = "failed", error.code
        upload.params = {name: str(value) for name, value in error.params.items()}
        upload.recording_id = None
    else:
        upload.state, upload.recording_id = "done", done.recording.id
        upload.left_out = list(done.left_out)
    finally:
        db.close()
    uploads.clear(upload)
    uploads.save(upload)
