"""Files of a Holter recorder on their way in: chunks to disk, in order, resumable.

One folder per upload under the clinic's data. Its state is a small JSON file that is
replaced as a whole, so that the page, a second server process and the importing process
all see one truth. Nothing of a file is interpreted here.
"""

import fcntl
import hashlib
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clinic_server.errors import Conflict, NotFound, TooLarge, TooMany, Unprocessable

CHUNK_BYTES = 512 * 1024
"""Half of what any request may carry (`clinic_server.security`)."""
MAX_TOTAL_BYTES = 2 * 2**30
MAX_OPEN = 4
"""Uploads one person may have under way."""
KEEP = timedelta(days=1)
SUFFIXES = (".hea", ".dat", ".mat", ".edf", ".ecg", ".ecs")
_READ_BYTES = 2**20


class FileClaim(BaseModel):
    """One file, as the browser announces it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^\w[\w\-]{0,60}(\.\w[\w\-]{0,20})?\.\w{2,4}$")]
    """Letters, digits, ``_-`` and dots between them: no path, nothing hidden."""
    size_bytes: Annotated[int, Field(ge=1, le=MAX_TOTAL_BYTES)]


class Upload(BaseModel):
    """Where an upload stands."""

    id: str
    staff_id: int
    patient_id: int
    mrn: str
    files: list[FileClaim]
    created_at: AwareDatetime
    state: Literal["receiving", "storing", "done", "failed"] = "receiving"
    stored_share: float = 0.0
    """Of the samples, while it is stored."""
    code: str = ""
    """Why it failed: a code of the locale files."""
    params: dict[str, str] = Field(default_factory=dict)
    recording_id: str | None = None
    left_out: list[str] = Field(default_factory=list)
    """Leads of the file that are not stored."""
    stored_from: AwareDatetime | None = None
    """When the newest attempt to store it began."""
    attempts: int = 0


class Uploads:
    """The folder of uploads.

    Parameters
    ----------
    folder : Path
        Made when absent.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, upload_id: str) -> Path:
        """Folder of one upload."""
        return self._folder / str(UUID(upload_id))

    def create(
        self,
        staff_id: int,
        patient_id: int,
        mrn: str,
        files: list[FileClaim],
        now: datetime,
    ) -> Upload:
        """Begin an upload; what was left alone for a day is removed first.

        Raises
        ------
        Unprocessable
            ``desk.import_files``: no record can be these files.
        TooLarge
            ``desk.import_too_large``.
        TooMany
            ``desk.import_too_many`` under way.
        """
        self.sweep(now)
        names = [one.name.lower() for one in files]
        if len(set(names)) != len(names) or not all(n.endswith(SUFFIXES) for n in names):
            raise Unprocessable("desk.import_files")
        headers = sum(name.endswith(".hea") for name in names)
        if headers != 1 and not (headers == 0 and len(files) == 1):
            raise Unprocessable("desk.import_files")
        if sum(one.size_bytes for one in files) > MAX_TOTAL_BYTES:
            raise TooLarge("desk.import_too_large", max_gb=MAX_TOTAL_BYTES // 2**30)
        open_ones = [
            one for one in self.all() if one.staff_id == staff_id and one.state != "done"
        ]
        if sum(one.state != "failed" for one in open_ones) >= MAX_OPEN:
            raise TooMany("desk.import_too_many", max=MAX_OPEN, retry_after_s=600)
        upload = Upload(
            id=str(uuid4()),
            staff_id=staff_id,
            patient_id=patient_id,
            mrn=mrn,
            files=files,
            created_at=now,
        )
        self.place(upload.id).mkdir(parents=True, mode=0o700)
        self.save(upload)
        return upload

    def get(self, upload_id: str, staff_id: int) -> Upload:
        """Find somebody's own upload.

        Raises
        ------
        NotFound
            ``desk.import_unknown``, also for another person's.
        """
        try:
            upload = self.load(upload_id)
        except (ValueError, OSError) as error:
            raise NotFound("desk.import_unknown") from error
        if upload.staff_id != staff_id:
            raise NotFound("desk.import_unknown")
        return upload

    def load(self, upload_id: str) -> Upload:
        """Read a state; `ValueError` or `OSError` when there is none."""
        text = (self.place(upload_id) / "upload.json").read_text("utf-8")
        return Upload.model_validate_json(text)

    def save(self, upload: Upload) -> None:
        """Replace a state as a whole."""
        file = self.place(upload.id) / "upload.json"
        fresh = file.with_suffix(".new")
        fresh.write_text(upload.model_dump_json(), "utf-8")
        fresh.replace(file)

    def received(self, upload: Upload) -> list[int]:
        """Count the bytes of each file that are here: where to go on."""
        sizes = []
        for one in upload.files:
            file = self.place(upload.id) / one.name
            sizes.append(file.stat().st_size if file.exists() else 0)
        return sizes

    def append(self, upload: Upload, number: int, offset: int, chunk: bytes) -> int:
        """Add a chunk at the end of a file; the same one again changes nothing.

        Returns
        -------
        int
            Bytes of the file that are here now.

        Raises
        ------
        NotFound
            There is no such file.
        Conflict
            ``desk.import_offset`` (with ``received``) for a chunk that leaves a hole,
            ``desk.import_closed`` when nothing is received any more.
        TooLarge
            More than `CHUNK_BYTES`, or than was announced.
        """
        if not 0 <= number < len(upload.files):
            raise NotFound("desk.import_unknown")
        if upload.state != "receiving":
            raise Conflict("desk.import_closed")
        claim = upload.files[number]
        if len(chunk) > CHUNK_BYTES or offset + len(chunk) > claim.size_bytes:
            raise TooLarge("desk.import_too_large", max_gb=MAX_TOTAL_BYTES // 2**30)
        received = self.received(upload)[number]
        if offset + len(chunk) <= received:
            return received
        if offset > received:
            raise Conflict("desk.import_offset", received=received)
        with (self.place(upload.id) / claim.name).open("ab") as file:
            file.write(chunk[received - offset :])
            return file.tell()

    def verify(self, upload: Upload, digests: list[str]) -> None:
        """Compare every file with the browser's digest of it.

        Raises
        ------
        Unprocessable
            ``desk.import_incomplete`` or ``desk.import_damaged``; a damaged file is
            removed, so that it can be sent again.
        """
        wanted = [one.size_bytes for one in upload.files]
        if self.received(upload) != wanted or len(digests) != len(wanted):
            raise Unprocessable("desk.import_incomplete")
        for one, digest in zip(upload.files, digests, strict=True):
            file = self.place(upload.id) / one.name
            if _sha256(file) != digest.lower():
                file.unlink()
                raise Unprocessable("desk.import_damaged", name=one.name)

    def lock(self, upload_id: str) -> IO[bytes] | None:
        """Take the right to store an upload; it ends with this process, however that ends.

        Returns
        -------
        file or None
            To be closed; None while another process has it.
        """
        file = (self.place(upload_id) / "lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def clear(self, upload: Upload) -> None:
        """Remove the files; the state stays for a day, to be read."""
        for name in (*(one.name for one in upload.files), "lock"):
            (self.place(upload.id) / name).unlink(missing_ok=True)

    def discard(self, upload: Upload) -> None:
        """Remove an upload altogether."""
        shutil.rmtree(self.place(upload.id), ignore_errors=True)

    def sweep(self, now: datetime) -> None:
        """Remove uploads that nobody has touched for a day."""
        for one in self.all():
            touched = os.stat(self.place(one.id)).st_mtime
            if now - one.created_at > KEEP and now.timestamp() - touched > 3600:
                self.discard(one)

    def all(self) -> list[Upload]:
        """Return everybody's uploads."""
        found = []
        for folder in self._folder.glob("*-*"):
            try:
                found.append(self.load(folder.name))
            except (ValueError, OSError):
                continue
        return found


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
