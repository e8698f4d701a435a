"""The first look at a spot ECG, from what the live analysis has stored of it.

A patient is told no diagnosis: rate, whether it was regular, or why nothing can be said.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean

import numpy as np
from sqlmodel import Session

from analytics.quality import assess_quality
from analytics.types import Beat
from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm
from clinic_server.analysis import service as analysis_service
from clinic_server.analysis import store
from clinic_server.errors import Unprocessable
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.wire.consult import LONGEST_S, PlainRhythm, Screening

SLOW_BPM, FAST_BPM = 50, 100
LEAST_BEATS = 5
LEAST_GOOD = 2 / 3
"""Share of the ten-second windows that must be of grade A or B."""
MISSING_SHARE = 0.05
"""Of the samples: more than this is a gap worth saying."""
ON_ITS_WAY = timedelta(minutes=2)
"""Samples younger than this are still being sent; older ones are missing."""
SERIOUS = frozenset(
    {Rhythm.VFIB, Rhythm.VFL, Rhythm.VT, Rhythm.PVT, Rhythm.ASYS, Rhythm.PAUSE}
    | {Rhythm.IVR, Rhythm.SVTA, Rhythm.BII, Rhythm.AVB3}
)
IRREGULAR = frozenset({Rhythm.AFIB, Rhythm.AFL})
EARLY = (Aami.V, Aami.S, Aami.F)


def screen(
    session: Session, recording: Recording, first: int, end: int, now: datetime
) -> Screening:
    """Say what is known of ``[first, end)``.

    Raises
    ------
    Unprocessable
        ``consults.range``: empty, or longer than `LONGEST_S`.
    """
    if not 0 < end - first <= LONGEST_S * recording.fs_hz:
        raise Unprocessable("consults.range", seconds=round(LONGEST_S))
    part = recordings_service.window(session, recording.id, first, end)
    if 1.0 - float(part.present.mean()) > MISSING_SHARE:
        young = now - recordings_service.sample_time(recording, end) < ON_ITS_WAY
        if young and recording.closed_at is None:
            return Screening(state="pending", reason="not_received")
        return Screening(state="not_assessable", reason="gap")
    mv = part.counts / recording.gain_counts_per_mv
    windows = assess_quality(
        np.where(part.present[:, None], mv, np.nan), recording.fs_hz, contact=part.touching
    )
    good = [window.grade in (Grade.A, Grade.B) for window in windows]
    if fmean(good) < LEAST_GOOD:
        off = any(window.cause == NoiseCause.LEAD_OFF for window in windows)
        return Screening(state="not_assessable", reason="lead_off" if off else "noise")
    analysed = store.analysed(session, recording.id)
    if not any(low <= first and end <= high for low, high in analysed):
        return Screening(state="pending", reason="not_analysed")
    beats = analysis_service.beats_in(session, recording.id, first, end)
    rates = [60_000.0 / b.rr_ms for b in beats if b.usable and b.rr_ms]
    if len(rates) < LEAST_BEATS:
        return Screening(state="not_assessable", reason="few_beats")
    found = {
        Rhythm(row.rhythm)
        for row in analysis_service.episodes_in(session, recording.id, first, end)
    }
    rate = round(len(rates) / sum(1.0 / one for one in rates))
    return Screening(
        state="assessable", rhythm=_plain(found, beats, rate), heart_rate_bpm=rate
    )


def _plain(found: set[Rhythm], beats: Sequence[Beat], rate_bpm: int) -> PlainRhythm:
    if found & SERIOUS:
        return PlainRhythm.NEEDS_LOOK
    if found & IRREGULAR:
        return PlainRhythm.IRREGULAR
    if rate_bpm < SLOW_BPM:
        return PlainRhythm.SLOW
    if rate_bpm > FAST_BPM:
        return PlainRhythm.FAST
    if any(beat.aami in EARLY for beat in beats):
        return PlainRhythm.EXTRA_BEATS
    return PlainRhythm.STEADY
