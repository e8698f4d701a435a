"""What the trace shows around a moment: where it lies, its rate, what was found there."""

from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlmodel import Session

from clinic_server.analysis import service as analysis
from clinic_server.console.detail import Page
from clinic_server.errors import NotFound
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording

STRIP_S = 7.0
LINKED_S = 45.0
"""A symptom counts as linked to what lies within this of it (ISHNE-HRS 2017 leaves the
span open; this is our own, from the marks of the recorders on the market)."""


@dataclass(frozen=True, slots=True)
class Around:
    """A moment on a recording, in words and as a strip to draw."""

    recording_id: str
    first: int
    end: int
    says: str
    """Rate and findings within `LINKED_S`; empty when nothing was analysed there."""
    sinus: bool
    """Beats were found there, and nothing else."""


def recording_of(session: Session, patient_id: int, recording_id: str) -> Recording | None:
    """Give a recording that a phone named, if it is this patient's."""
    try:
        recording = recordings.recording_by_id(session, recording_id)
    except NotFound:
        return None  # it may still arrive
    return recording if recording.patient_id == patient_id else None


def recorded_at(session: Session, patient_id: int, at: datetime) -> Recording | None:
    """Give the recording that covers a time."""
    for one in recordings.recordings_of(session, patient_id):
        if one.end_sample and one.started_at <= at <= recordings.sample_time(
            one, one.end_sample
        ):
            return one
    return None


def around(page: Page, recording: Recording, sample: int) -> Around:
    """Say what lies around a sample."""
    half = round(STRIP_S * recording.fs_hz / 2)
    first = max(0, min(sample, recording.end_sample) - half)
    reach = round(LINKED_S * recording.fs_hz)
    low, high = max(0, sample - reach), sample + reach
    beats = analysis.beats_in(page.session, recording.id, low, high)
    found = [
        page.say(f"rhythm.{row.rhythm}")
        for row in analysis.episodes_in(page.session, recording.id, low, high)
    ]
    parts = (
        [page.say("care.rate", n=round(60_000 / median(rr)))]
        if (rr := [beat.rr_ms for beat in beats if beat.rr_ms and beat.usable])
        else []
    )
    parts += dict.fromkeys(found)
    for kind in ("V", "S"):
        count = sum(beat.aami == kind for beat in beats)
        if count:
            parts.append(page.say(f"care.beats_{kind}", n=count))
    plain = bool(beats) and not found and all(beat.aami == "N" for beat in beats)
    if plain:
        parts.append(page.say("care.nothing_else"))
    return Around(
        recording.id,
        first,
        first + 2 * half,
        page.say("plans.comma").join(parts),
        plain,
    )
