"""The machine's reading as bytes: what edits are laid over must outlive every restart.

One NumPy archive of plain arrays, with a JSON header for what is no array. Reading it
back gives the very same beats, grades and episodes.
"""

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.beat_edits import BeatColumns, columns
from analytics.beat_groups import group_beats, waves_of
from analytics.edited_reading import Machine, lay_out
from analytics.holter_report import Reading
from analytics.trace_envelope import Envelope, envelope
from analytics.types import Beat, Ecg, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, Rhythm
from clinic_server.reports.day import Day, codes_of, pack_day

FAN = 36
"""Beats laid over each other on a template's card."""
TILE_S = 600
"""Length of a tile of the day's trace."""
UV_LIMIT = 32_767


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an analysis for the reader, ready for the store."""

    algorithm: str
    body: bytes
    """For the analysis: `open_archive`."""
    day: bytes
    """For the page: `clinic_server.reports.day`."""
    tiles: list[bytes]


@dataclass(frozen=True, slots=True)
class Archive:
    """A reading taken out of its bytes."""

    machine: Machine
    true_fs_hz: float
    """Rate by the patch's fitted clock: what times are made of."""


def keep(
    reading: Reading,
    ecg_mv: Ecg,
    fs_hz: float,
    true_fs_hz: float,
    algorithm: str,
) -> Kept:
    """Pack a reading, its templates and its trace in small.

    Parameters
    ----------
    reading : Reading
    ecg_mv : ndarray of float64, shape (n_samples,)
        The lead in which the beats were found; NaN where nothing is stored.
    fs_hz : float
        Nominal rate, at which the beats were found.
    true_fs_hz : float
    algorithm : str
    """
    beats = columns(reading.beats)
    groups = group_beats(ecg_mv, beats.sample, beats.aami, fs_hz)
    beats = replace(beats, group=groups.group)
    small = envelope(ecg_mv, fs_hz)
    tiles = _tiles(small)
    head = {
        "fs_hz": fs_hz,
        "true_fs_hz": true_fs_hz,
        "end_sample": int(ecg_mv.size),
        "lead": reading.lead,
        "episodes": [
            [
                e.rhythm.value,
                e.onset_sample,
                e.offset_sample,
                e.confidence,
                dict(e.evidence),
            ]
            for e in reading.episodes
        ],
        "causes": [w.cause for w in reading.quality],
    }
    window = np.array(
        [(w.first_sample, w.end_sample, ord(w.grade.value)) for w in reading.quality],
        np.int64,
    ).reshape(-1, 3)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        head=np.frombuffer(json.dumps(head).encode(), np.uint8),
        sample=beats.sample,
        aami=codes_of(beats.aami),
        confidence=beats.confidence,
        rr_ms=beats.rr_ms,
        wide=beats.wide,
        usable=beats.usable,
        group=beats.group,
        window=window,
    )
    fans = _fans(ecg_mv, beats.sample, groups.group, len(groups.aami), fs_hz)
    day = pack_day(Day(beats, reading.quality, groups.aami, fans, small, len(tiles)), head)
    return Kept(algorithm, buffer.getvalue(), day, tiles)


def _tiles(small: Envelope) -> list[bytes]:
    """Cut the envelope into tiles: all lows, then all highs, zlib."""
    width = round(TILE_S * small.columns_per_s)
    return [
        zlib.compress(
            small.low[at : at + width].tobytes() + small.high[at : at + width].tobytes(), 6
        )
        for at in range(0, small.low.size, width)
    ]


def letters_of(codes: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Turn character codes back into an array of one-letter words."""
    return np.array(list(codes.tobytes().decode("ascii")), dtype="<U1")


def spread(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Take at most so many, evenly over the day."""
    if places.size <= most:
        return places
    return places[np.linspace(0, places.size - 1, most).astype(np.int64)]


def in_uv(waves: NDArray[np.float64]) -> NDArray[np.int16]:
    """Pack waves as microvolts; a wave that is not whole becomes flat."""
    uv = np.nan_to_num(1000.0 * waves, nan=0.0)
    return np.clip(np.round(uv), -UV_LIMIT, UV_LIMIT).astype(np.int16)


def _fans(
    ecg_mv: Ecg,
    sample: NDArray[np.int64],
    group: NDArray[np.int16],
    n_groups: int,
    fs_hz: float,
) -> NDArray[np.int16]:
    points = waves_of(ecg_mv, np.empty(0, np.int64), fs_hz).shape[1]
    fans = np.zeros((n_groups, FAN, points), np.int16)
    for k in range(n_groups):
        chosen = spread(np.flatnonzero(group == k + 1), FAN)
        waves = in_uv(waves_of(ecg_mv, sample[chosen], fs_hz))
        fans[k, : len(waves)] = waves
        fans[k, len(waves) :] = waves[-1]
    return fans


def open_archive(body: bytes) -> Archive:
    """Take a reading out of its bytes; the inverse of `keep`."""
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        head: dict[str, Any] = json.loads(stored["head"].tobytes())
        beats = BeatColumns(
            sample=stored["sample"],
            aami=letters_of(stored["aami"]),
            confidence=stored["confidence"],
            rr_ms=stored["rr_ms"],
            wide=stored["wide"],
            usable=stored["usable"],
            group=stored["group"],
        )
        windows = stored["window"].tolist()
    reading = Reading(
        beats=_beats(beats),
        quality=tuple(
            QualityWindow(first, end, Grade(chr(grade)), cause)
            for (first, end, grade), cause in zip(windows, head["causes"], strict=True)
        ),
        episodes=_episodes(head["episodes"]),
        lead=head["lead"],
    )
    return Archive(
        machine=lay_out(reading, beats, head["fs_hz"], head["end_sample"]),
        true_fs_hz=head["true_fs_hz"],
    )


def _beats(beats: BeatColumns) -> tuple[Beat, ...]:
    rr = [None if value != value else value for value in beats.rr_ms.tolist()]
    kinds = {kind.value: kind for kind in Aami}
    return tuple(
        Beat(sample, kinds[letter], sure, rr_ms, wide, usable)
        for sample, letter, sure, rr_ms, wide, usable in zip(
            beats.sample.tolist(),
            beats.aami.tolist(),
            beats.confidence.tolist(),
            rr,
            beats.wide.tolist(),
            beats.usable.tolist(),
            strict=True,
        )
    )


def _episodes(rows: Sequence[Sequence[Any]]) -> tuple[Episode, ...]:
    return tuple(
        Episode(Rhythm(rhythm), onset, offset, sure, evidence)
        for rhythm, onset, offset, sure, evidence in rows
    )
