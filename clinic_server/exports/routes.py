"""A patient's own file, handed over by their physician."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from clinic_server.deps import AppDep, ClockDep, LocaleDep, RowId, WriteSession
from clinic_server.errors import Unavailable
from clinic_server.exports.archive import write_archive
from clinic_server.patients import service as patients_service
from clinic_server.staff.audit import audit_by
from clinic_server.staff.auth import Physician

router = APIRouter(include_in_schema=False)
_PART = 1 << 20


def _written(
    patient_id: RowId, app: AppDep, staff: Physician, now: ClockDep, locale: LocaleDep
) -> IO[bytes]:
    """Write the archive before the writing transaction begins: it may take a minute.

    The file has no name: it is gone with the answer, or with the process.

    Raises
    ------
    Unavailable
        ``exports.no_space``.
    """
    with ExitStack() as on_failure, app.db.read() as session:
        patient = patients_service.patient_for(session, staff, patient_id, now)
        try:
            file = on_failure.enter_context(
                tempfile.TemporaryFile(dir=app.settings.data_dir)
            )
            write_archive(file, session, patient, locale, now)
            file.flush()
        except OSError as error:
            raise Unavailable("exports.no_space") from error
        on_failure.pop_all()
    return file


Written = Annotated[IO[bytes], Depends(_written)]


@router.post("/console/patients/{patient_id}/export")
def export(
    patient_id: RowId,
    file: Written,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> StreamingResponse:
    """Hand over everything held of a patient; the audit says to whom and when."""
    size = file.tell()
    audit_by(
        session,
        staff,
        at=now,
        action="patients.export",
        object_kind="patient",
        object_id=patient_id,
        patient_id=patient_id,
        detail={"bytes": size},
    )
    name = f"anxin-{patient_id}-{now:%Y%m%d}.zip"
    return StreamingResponse(
        _parts(file),
        media_type="application/zip",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(_PART):
            yield part
