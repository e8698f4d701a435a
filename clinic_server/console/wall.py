"""The wall: one square per patient, with how old its data is."""

import base64
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from clinic_server.analysis import service as analysis_service
from clinic_server.console.cards import Reader
from clinic_server.console.moments import epoch_ms
from clinic_server.devices import service as devices_service
from clinic_server.devices.models import Issue, PhoneState
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording

MINI_S = 4.0
MINI_COLUMNS = 150
GAP = -128
"""In a packed trace: nothing was recorded here."""
FLOOR_MV = 0.35
"""A trace smaller than this is not blown up to look like an ECG."""
NOT_ANALYSABLE = "X"
RATE_MAX_AGE_S = 15.0
"""A rate is shown only beside the trace it was measured on."""
_KEPT = 400


class MiniTraces:
    """Packed traces by recording and newest sample, shared by all who look."""

    def __init__(self) -> None:
        self._packed: dict[tuple[str, int], str] = {}

    def get(self, session: Session, recording: Recording) -> str:
        """Give the last 4 s of the first lead, packed for `drawMini`."""
        key = (recording.id, recording.end_sample)
        packed = self._packed.get(key)
        if packed is None:
            packed = _read(session, recording)
            self._packed[key] = packed
            while len(self._packed) > _KEPT:
                self._packed.pop(next(iter(self._packed)), None)
        return packed


def _read(session: Session, recording: Recording) -> str:
    first = max(0, recording.end_sample - round(MINI_S * recording.fs_hz))
    part = recordings_service.window(session, recording.id, first, recording.end_sample)
    mv = part.counts[:, 0] / recording.gain_counts_per_mv
    return pack(mv, part.present)


def pack(mv: NDArray[np.float64], present: NDArray[np.bool_]) -> str:
    """Pack a trace as minima and maxima of columns, auto-gained, one signed byte each.

    Parameters
    ----------
    mv : ndarray of float64, shape (n_samples,)
    present : ndarray of bool, shape (n_samples,)

    Returns
    -------
    str
        Base64 of ``2 * MINI_COLUMNS`` bytes at most; `GAP` where nothing was recorded.
    """
    if not present.any():
        return ""
    centred = np.where(present, mv - np.median(mv[present]), np.nan)
    reach = max(FLOOR_MV, float(np.nanmax(np.abs(centred))))
    edges = np.linspace(0, mv.size, min(MINI_COLUMNS, mv.size) + 1).astype(np.int64)
    out = np.full((edges.size - 1, 2), GAP, np.int8)
    for i, (a, b) in enumerate(pairwise(edges.tolist())):
        column = centred[a:b][present[a:b]]
        if column.size:
            # in the order they were seen, so that a falling edge is drawn falling
            low, high = column.min(), column.max()
            rising = column.argmin() <= column.argmax()
            out[i] = np.round(
                np.array([low, high] if rising else [high, low]) / reach * 127
            )
    return base64.b64encode(out.tobytes()).decode()


def _leads_off(phone: PhoneState | None) -> bool:
    return phone is not None and phone.leads_on is not None and not all(phone.leads_on)


def _resting(
    loan: Issue | None, recording: Recording | None
) -> tuple[str, datetime | None]:
    """Say why a square is quiet as planned; an empty word when it is not."""
    if loan is None:
        return "no_device", None
    if loan.enrolled_at is None:
        return "not_paired", loan.issued_at
    if recording is None or recording.issue_id != loan.id:
        return "not_started", loan.enrolled_at
    if recording.closed_at is not None:
        return "recorded", recording.closed_at
    return "", None


def tile(
    session: Session, reader: Reader, patient: Patient, minis: MiniTraces
) -> dict[str, Any]:
    """Give one patient's square."""
    loan = devices_service.open_issue_of(session, patient.id or 0)
    recording = recordings_service.latest_for(session, patient.id or 0)
    off, since = _resting(loan, recording)
    square: dict[str, Any] = {
        "patient_id": patient.id,
        "place": patient.place,
        "number": f"{patient.place:02d}",
        "mrn": patient.mrn,
        "name": patient.name,
        "worn": not off,
        "off": off,
        "off_since_ms": epoch_ms(since),
        "sample_ms": None,
        "rate_bpm": None,
        "rhythm": "",
        "analysable": True,
        "contact": True,
        "battery_pct": None,
        "trace": "",
    }
    if off or recording is None or loan is None:
        return square
    phone = devices_service.phone_state(session, loan.id or 0)
    square["battery_pct"] = phone.battery_pct if phone else None
    if recording.end_sample == 0:
        return square
    newest = recordings_service.sample_time(recording, recording.end_sample)
    square["sample_ms"] = epoch_ms(newest)
    square["trace"] = minis.get(session, recording)
    _say_heart(session, square, recording, _leads_off(phone))
    return square


def _say_heart(
    session: Session, square: dict[str, Any], recording: Recording, leads_off: bool
) -> None:
    live = analysis_service.live_view(session, recording.id)
    square["contact"] = not leads_off
    square["analysable"] = not leads_off
    if live is None:
        return
    square["rhythm"] = live.rhythm
    square["analysable"] = not leads_off and live.grade != NOT_ANALYSABLE
    at = live.heart_rate_at
    newest = recordings_service.sample_time(recording, recording.end_sample)
    if at is not None and (newest - at).total_seconds() <= RATE_MAX_AGE_S:
        square["rate_bpm"] = live.heart_rate_bpm


def tiles(session: Session, reader: Reader, minis: MiniTraces) -> list[dict[str, Any]]:
    """Give every square, by place."""
    return [
        tile(session, reader, patient, minis)
        for patient in sorted(reader.patients.values(), key=lambda p: (p.place, p.id or 0))
    ]
