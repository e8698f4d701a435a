"""The machine's day as the page reads it: a JSON header and compact columns, gzip.

Layout: ``uint32`` length of the header, header, zeros up to a multiple of four, columns
in the order of the header's ``columns`` (name, type, count), each padded likewise.
"""

import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.beat_edits import BeatColumns
from analytics.beat_groups import BEFORE_S, GROUP_HZ
from analytics.trace_envelope import Envelope
from analytics.types import QualityWindow
from analytics.vocabulary import Grade

USABLE, WIDE, KNOWN_RR = 1, 2, 4
"""Bits of a beat's flags."""


@dataclass(frozen=True, slots=True)
class Day:
    """What the page gets of a reading."""

    beats: BeatColumns
    quality: Sequence[QualityWindow]
    groups: tuple[str, ...]
    """Class of template 1, 2, …"""
    fans: NDArray[np.int16]
    """Shape (n_groups, n_beats, n_points), µV."""
    small: Envelope
    n_tiles: int


def codes_of(letters: NDArray[np.str_]) -> NDArray[np.uint8]:
    """Turn one-letter words into character codes."""
    return np.frombuffer("".join(letters.tolist()).encode("ascii"), np.uint8)


def pack_day(day: Day, rates: Mapping[str, Any]) -> bytes:
    """Pack a day for the page.

    Parameters
    ----------
    day : Day
    rates : mapping
        ``fs_hz``, ``true_fs_hz`` and ``end_sample``.
    """
    beats = day.beats
    flags = (
        USABLE * beats.usable + WIDE * beats.wide + KNOWN_RR * np.isfinite(beats.rr_ms)
    ).astype(np.uint8)
    columns = {
        "step": np.diff(beats.sample, prepend=0).astype("<i4"),
        "aami": codes_of(beats.aami),
        "sure": np.round(255.0 * np.clip(beats.confidence, 0, 1)).astype(np.uint8),
        "flags": flags,
        "group": beats.group.astype("<i2"),
        "fans": day.fans.astype("<i2").ravel(),
    }
    head = {
        "fs_hz": rates["fs_hz"],
        "true_fs_hz": rates["true_fs_hz"],
        "end_sample": rates["end_sample"],
        "groups": list(day.groups),
        "fan_beats": int(day.fans.shape[1]),
        "fan_points": int(day.fans.shape[2]),
        "fan_hz": GROUP_HZ,
        "fan_before_s": BEFORE_S,
        "uv_per_step": day.small.uv_per_step,
        "columns_per_s": day.small.columns_per_s,
        "n_tiles": day.n_tiles,
        "poor": _poor(day.quality),
        "columns": [[name, c.dtype.str, int(c.size)] for name, c in columns.items()],
    }
    text = json.dumps(head).encode()
    parts = [struct.pack("<I", len(text)), text, bytes(-len(text) % 4)]
    for column in columns.values():
        raw = column.tobytes()
        parts += [raw, bytes(-len(raw) % 4)]
    return gzip.compress(b"".join(parts), 6, mtime=0)


def _poor(quality: Sequence[QualityWindow]) -> list[list[int | str]]:
    """Join windows that cannot be analysed, or only with doubt, with their cause."""
    joined: list[list[int | str]] = []
    for window in quality:
        if window.grade not in (Grade.C, Grade.X):
            continue
        row = [window.grade.value, window.cause or ""]
        if joined and joined[-1][1] == window.first_sample and joined[-1][2:] == row:
            joined[-1][1] = window.end_sample
        else:
            joined.append([window.first_sample, window.end_sample, *row])
    return joined
