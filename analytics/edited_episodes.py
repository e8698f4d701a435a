"""Episodes after edits: patterns follow the beats, what was found as a whole stays.

What is counted on beats (runs, couplets, bigeminy, pauses, sinus rates) follows the
edited beats; fibrillation, flutter, block and standstill stay until a person rejects,
renames or adds them. Only the difference that the edits make is laid over the machine's
episodes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.beat_edits import Edit, Edited, EditKind
from analytics.rhythm_beats import (
    BeatArrays,
    Span,
    graded,
    mean_rate_bpm,
    merge,
    spans_of,
    subtract,
)
from analytics.rhythm_patterns import (
    paced_rhythm,
    repeating_patterns,
    supraventricular_runs,
    ventricular_runs,
)
from analytics.rhythm_pauses import find_pauses
from analytics.rhythm_rate import rate_episodes, sinus_elsewhere
from analytics.types import Episode, QualityWindow
from analytics.vocabulary import Grade, NoiseCause, Rhythm

WHOLE = frozenset(
    {
        Rhythm.AFIB, Rhythm.AFL, Rhythm.VFIB, Rhythm.VFL, Rhythm.AVB1, Rhythm.BII,
        Rhythm.AVB3, Rhythm.ASYS,
    }
)  # fmt: skip
"""Rhythms that the machine found as a whole, not as a pattern of classes."""
ON_TOP = frozenset(
    {
        Rhythm.PAUSE, Rhythm.COUPLET, Rhythm.SVCOUPLET, Rhythm.B, Rhythm.T, Rhythm.AVB1,
        Rhythm.BII, Rhythm.AVB3, Rhythm.ASYS,
    }
)  # fmt: skip
"""Rhythms that lie on a basic rhythm and take no time from it."""
VENTRICULAR = frozenset({Rhythm.VT, Rhythm.PVT, Rhythm.IVR})
SAME_PLACE = 0.5  # of the shorter: episodes that overlap so far are one


def whole_of(episodes: Sequence[Episode]) -> list[Episode]:
    """Give those that the machine found as a whole."""
    return [e for e in episodes if e.rhythm in WHOLE]


def edited_episodes(
    found: Sequence[Episode],
    patterns_before: Sequence[Episode],
    before: BeatArrays,
    after: BeatArrays,
    edited: Edited,
    quality: tuple[QualityWindow, ...],
) -> tuple[Episode, ...]:
    """Make the episodes that follow from edited beats and from edits of episodes.

    Parameters
    ----------
    found : sequence of Episode
        The machine's.
    patterns_before : sequence of Episode
        `patterns_of` the machine's beats.
    before, after : BeatArrays
        The machine's beats, and those after the edits.
    edited : Edited
    quality : tuple of QualityWindow
        After the edits.
    """
    stood = whole_of(found)
    stands = _judged(stood, [e for e in edited.episodes if _is_whole(e)], after)
    stands = _cut(stands, edited.artefacts)
    gone, come = _difference(patterns_before, patterns_of(after, quality, stands))
    gone_at = _Places(gone)
    patterns = [
        e
        for e in found
        if e.rhythm not in WHOLE
        and e.rhythm is not Rhythm.N
        and not gone_at.hold(e)
        and not _emptied(e, before, after)
    ]
    patterns = _cut([*patterns, *come], edited.artefacts)
    told = spans_of([e for e in stands if _is_told(e)])
    patterns = [one for e in patterns for one in _left(e, told)]
    patterns += [_excluded(span) for span in edited.artefacts]
    others = [e for e in edited.episodes if not _is_whole(e)]
    named = _judged([*stands, *_unique(patterns)], others, after)
    named += _sinus(after, named, [e for e in found if e.rhythm is Rhythm.N])
    return tuple(sorted(named, key=lambda e: (e.onset_sample, -(e.offset_sample or 0))))


def _is_whole(edit: Edit) -> bool:
    return (edit.rhythm or edit.to) in WHOLE or edit.to in WHOLE


def patterns_of(
    beats: BeatArrays, quality: tuple[QualityWindow, ...], whole: Sequence[Episode]
) -> list[Episode]:
    """Everything that follows from classes and intervals, around what stands."""
    vf = spans_of(whole, Rhythm.VFIB, Rhythm.VFL)
    af = spans_of(whole, Rhythm.AFIB, Rhythm.AFL)
    dropped = spans_of(whole, Rhythm.BII, Rhythm.AVB3)
    noise = subtract(graded(quality, Grade.X), vf)
    runs = _clear(ventricular_runs(beats), merge([*vf, *spans_of(whole, Rhythm.AVB3)]))
    wide = merge([*vf, *spans_of([r for r in runs if r.rhythm in VENTRICULAR])])
    paced = _clear(paced_rhythm(beats), wide)
    pacing = spans_of(paced)
    fast = _clear(supraventricular_runs(beats), merge([*wide, *af, *pacing, *dropped]))
    repeated = _clear(repeating_patterns(beats), merge([*wide, *af]))
    taken = merge([*wide, *pacing, *af, *spans_of(fast, Rhythm.SVTA), *noise])
    pauses = find_pauses(beats, quality=quality, af=af, blocks=dropped, fibrillation=vf)
    rates = rate_episodes(beats, taken)
    return [*runs, *paced, *fast, *repeated, *rates, *pauses]


def _clear(episodes: Sequence[Episode], taken: Sequence[Span]) -> list[Episode]:
    """Leave out what lies mostly in stretches that are taken."""
    kept = []
    for episode in episodes:
        span = _span(episode)
        left = sum(b - a for a, b in subtract([span], taken))
        if 2 * left >= span[1] - span[0]:
            kept.append(episode)
    return kept


def _cut(episodes: Sequence[Episode], spans: Sequence[Span]) -> list[Episode]:
    """Trim episodes to what an exclusion leaves of them; a pause is left whole or out."""
    if not spans:
        return list(episodes)
    out: list[Episode] = []
    for episode in episodes:
        span = _span(episode)
        left = subtract([span], spans)
        if left == [span]:
            out.append(episode)
        elif episode.rhythm not in ON_TOP:
            out += [replace(episode, onset_sample=a, offset_sample=b) for a, b in left]
    return out


def _span(episode: Episode) -> Span:
    end = episode.offset_sample
    return episode.onset_sample, episode.onset_sample + 1 if end is None else end


def _key(episode: Episode) -> tuple[str, int, int]:
    return episode.rhythm.value, *_span(episode)


def _difference(
    was: Sequence[Episode], now: Sequence[Episode]
) -> tuple[list[Episode], list[Episode]]:
    old, new = {_key(e) for e in was}, {_key(e) for e in now}
    gone = [e for e in was if _key(e) not in new]
    return gone, [e for e in now if _key(e) not in old]


def _family(rhythm: Rhythm) -> str:
    return "run" if rhythm in VENTRICULAR else rhythm.value


def _same_place(a: Span, b: Span) -> bool:
    common = min(a[1], b[1]) - max(a[0], b[0])
    return common > 0 and common >= SAME_PLACE * min(a[1] - a[0], b[1] - b[0])


class _Places:
    """Episodes by family and place, to ask quickly whether one is among them."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._by: dict[str, list[Span]] = defaultdict(list)
        for episode in episodes:
            self._by[_family(episode.rhythm)].append(_span(episode))

    def hold(self, episode: Episode) -> bool:
        own = _span(episode)
        known = self._by.get(_family(episode.rhythm), ())
        return any(_same_place(own, other) for other in known)


def _emptied(episode: Episode, before: BeatArrays, after: BeatArrays) -> bool:
    """Whether a ventricular run that the waveform found has lost all its beats."""
    if episode.rhythm not in VENTRICULAR:
        return False
    return bool(_wide_in(before, _span(episode))) and not _wide_in(after, _span(episode))


def _wide_in(beats: BeatArrays, span: Span) -> int:
    low, high = np.searchsorted(beats.sample, span)
    return int(np.isin(beats.kind[low:high], ["V", "F"]).sum())


def _unique(episodes: Sequence[Episode]) -> list[Episode]:
    return list({_key(e): e for e in episodes}.values())


def _judged(
    episodes: Sequence[Episode], edits: Sequence[Edit], beats: BeatArrays
) -> list[Episode]:
    """Lay what a person said of episodes over them; of one place the last word counts."""
    out = list(episodes)
    for edit in edits:
        span = (edit.first, edit.end)
        out = _apply_to(out, edit, span, beats)
    return out


def _apply_to(
    episodes: list[Episode], edit: Edit, span: Span, beats: BeatArrays
) -> list[Episode]:
    mine = [e for e in episodes if e.rhythm.value == edit.rhythm and _means(edit, e, span)]
    if edit.kind is EditKind.ACCEPT:
        return [_vouched(e) if e in mine else e for e in episodes]
    others = [e for e in episodes if e not in mine]
    if edit.kind is EditKind.REJECT:
        return others
    rhythm = Rhythm(edit.to)
    if rhythm not in ON_TOP:
        others = [one for e in others for one in _left(e, [span])]
    if rhythm is Rhythm.N:  # what is left over is sinus rhythm by itself
        return others
    return [*others, _told(rhythm, span, beats)]


def _means(edit: Edit, episode: Episode, span: Span) -> bool:
    """Whether an edit speaks of an episode: by a sample of each, or by one stretch."""
    onset, end = _span(episode)
    if edit.samples.size:
        k = int(np.searchsorted(edit.samples, onset))
        return k < edit.samples.size and int(edit.samples[k]) < end
    return _same_place((onset, end), span)


def _is_told(episode: Episode) -> bool:
    return "reviewed" in episode.evidence and episode.rhythm not in ON_TOP


def _left(episode: Episode, taken: Sequence[Span]) -> list[Episode]:
    """Cut out what another basic rhythm takes; what lies on top stays."""
    if episode.rhythm in ON_TOP:
        return [episode]
    span = _span(episode)
    left = subtract([span], taken)
    if left == [span]:
        return [episode]
    return [replace(episode, onset_sample=a, offset_sample=b) for a, b in left]


def _vouched(episode: Episode) -> Episode:
    evidence = {**episode.evidence, "reviewed": 1.0}
    return replace(episode, confidence=1.0, evidence=evidence)


def _told(rhythm: Rhythm, span: Span, beats: BeatArrays) -> Episode:
    """Make an episode that a person named."""
    low, high = (int(k) for k in np.searchsorted(beats.sample, span))
    evidence = {
        "beats": float(high - low),
        "rate_bpm": mean_rate_bpm(beats.rr_s[low + 1 : high]),
        "reviewed": 1.0,
    }
    if rhythm is Rhythm.PAUSE:
        evidence["rr_ms"] = (span[1] - span[0]) / beats.fs * 1000.0
    return Episode(rhythm, span[0], span[1], 1.0, evidence)


def _excluded(span: Span) -> Episode:
    cause = {f"cause_{NoiseCause.READER.value}": 1.0}
    return Episode(Rhythm.NOISE, span[0], span[1], 1.0, cause)


def _sinus(
    beats: BeatArrays, named: Sequence[Episode], known: Sequence[Episode]
) -> list[Episode]:
    """Call the rest sinus rhythm where there are beats; the machine's own where it fits."""
    silent = Rhythm.ASYS  # it lies on top, yet nobody calls it sinus rhythm
    taken = spans_of([e for e in named if e.rhythm not in ON_TOP or e.rhythm is silent])
    own = {_span(e): e for e in known}
    return [own.get(_span(e), e) for e in sinus_elsewhere(beats, taken)]
