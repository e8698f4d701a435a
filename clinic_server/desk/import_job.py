"""Store an uploaded record in a process of its own.

A day of twelve leads takes gigabytes of memory and a minute of work: neither the server's
event loop nor its writers shall feel that. The process writes its outcome into the
upload's state and ends; if it is killed, the upload can be finished again.
"""

import contextlib
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.desk.uploads import Upload, Uploads
from clinic_server.errors import ClinicError
from clinic_server.importer import import_record


def start(url: str, folder: Path, upload: Upload, time_zone: str) -> None:
    """Begin to store an upload whose files are complete; returns at once.

    Parameters
    ----------
    url : str
        The clinic's database.
    folder : Path
        Of `Uploads`.
    upload : Upload
        Becomes ``storing``.
    time_zone : str
        In which the recorder's clock was set.
    """
    multiprocessing.active_children()  # takes leave of those that have ended
    context = multiprocessing.get_context("spawn")
    upload.state, upload.pid = "storing", 0
    Uploads(folder).save(upload)
    process = context.Process(
        target=store, args=(url, folder, upload.id, time_zone), daemon=True
    )
    process.start()


def still_running(upload: Upload) -> bool:
    """Say whether the process that stores an upload lives (or is only starting)."""
    multiprocessing.active_children()
    if not upload.pid:
        return True
    try:
        os.kill(upload.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def store(url: str, folder: Path, upload_id: str, time_zone: str) -> None:
    """Import the record of an upload (entry of the process)."""
    uploads = Uploads(folder)
    upload = uploads.load(upload_id)
    upload.pid = os.getpid()
    uploads.save(upload)
    with contextlib.suppress(OSError):
        os.nice(10)
    names = [one.name for one in upload.files]
    record = next((n for n in names if n.lower().endswith(".hea")), names[0])

    def progress(share: float) -> None:
        upload.stored_share = share
        uploads.save(upload)

    db = Database(url, Bus())
    try:
        recording = import_record(
            db,
            uploads.place(upload_id) / record,
            upload.mrn,
            time_zone,
            datetime.now(UTC),
            progress=progress,
        )
    except ClinicError as error:
        upload.state, upload.code = "failed", error.code
        upload.params = {name: str(value) for name, value in error.params.items()}
    except MemoryError:
        upload.state, upload.code = "failed", "desk.import_memory"
    else:
        upload.state, upload.recording_id = "done", recording.id
    finally:
        db.close()
    uploads.clear(upload)
    uploads.save(upload)
