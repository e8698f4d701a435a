"""ECG for the strips: microvolts, holes with their cause, beats with their class."""

import base64
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query
from sqlmodel import Session

from clinic_server.analysis import service as analysis_service
from clinic_server.console.moments import epoch_ms
from clinic_server.deps import ClockDep, ReadSession
from clinic_server.errors import NotFound, Unprocessable
from clinic_server.patients import service as patients_service
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.staff.auth import CurrentStaff
from clinic_server.wire.ecg import MAX_SAMPLE_INDEX

router = APIRouter()
MAX_S = 120.0
"""Longest window of one answer."""
_UV_LIMIT = 32_767


def recording_for(
    session: Session, staff: CurrentStaff, recording_id: str, now: ClockDep
) -> Recording:
    """Give a recording whose patient this person may see.

    Raises
    ------
    NotFound
        ``recordings.unknown``, also when it is somebody else's patient's.
    """
    recording = recordings_service.recording_by_id(session, recording_id)
    try:
        patients_service.patient_for(session, staff, recording.patient_id, now)
    except NotFound as error:
        raise NotFound("recordings.unknown") from error
    return recording


def strip(session: Session, recording: Recording, first: int, end: int) -> dict[str, Any]:
    """Give samples ``[first, end)`` of all leads as the strips draw them.

    Returns
    -------
    dict
        ``leads`` as base64 of little-endian int16 microvolts, ``gaps`` as
        ``[first, end, cause]`` and ``beats`` as ``[position, class]``, both counted from
        ``first``; ``start_ms`` is the time of sample ``first``.
    """
    part = recordings_service.window(session, recording.id, first, end)
    microvolts = part.counts * (1000.0 / recording.gain_counts_per_mv)
    packed = np.clip(np.round(microvolts), -_UV_LIMIT, _UV_LIMIT).astype("<i2")
    return {
        "fs": recording.fs_hz,
        "first": first,
        "end": end,
        "start_ms": epoch_ms(recordings_service.sample_time(recording, first)),
        "leads": [
            {
                "name": name,
                "uv": base64.b64encode(
                    np.ascontiguousarray(packed[:, i]).tobytes()
                ).decode(),
            }
            for i, name in enumerate(recording.lead_names)
        ],
        "gaps": _gaps(session, recording, part.present, first),
        "beats": [
            [int(beat.sample) - first, str(beat.aami)]
            for beat in analysis_service.beats_in(session, recording.id, first, end)
        ],
    }


def _gaps(
    session: Session, recording: Recording, present: Any, first: int
) -> list[list[Any]]:
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=1, append=1))
    causes = {
        row.end_sample: row.cause for row in recordings_service.gaps(session, recording.id)
    }
    return [[a, b, causes.get(first + b) or ""] for a, b in edges.reshape(-1, 2).tolist()]


Sample = Annotated[int, Query(ge=0, le=MAX_SAMPLE_INDEX)]


@router.get("/console/recordings/{recording_id}/ecg", include_in_schema=False)
def ecg(
    recording_id: Annotated[str, Path(max_length=36)],
    first: Sample,
    end: Sample,
    session: ReadSession,
    staff: CurrentStaff,
    now: ClockDep,
) -> dict[str, Any]:
    """Send a window of a recording."""
    recording = recording_for(session, staff, recording_id, now)
    if not 0 < end - first <= MAX_S * recording.fs_hz:
        raise Unprocessable("console.window_size", seconds=round(MAX_S))
    return strip(session, recording, first, end)
