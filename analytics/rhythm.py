"""All rhythm episodes of a recording, from its beats and, where given, its signal."""

from collections.abc import Sequence
from dataclasses import replace

from analytics.rhythm_af import find_atrial_fibrillation
from analytics.rhythm_beats import (
    BeatArrays,
    Span,
    beat_arrays,
    graded,
    merge,
    spans_of,
    subtract,
)
from analytics.rhythm_conduction import find_blocks
from analytics.rhythm_confirm import confirm_runs, fit_to_beats
from analytics.rhythm_dissociation import find_dissociation
from analytics.rhythm_fibrillation import find_fibrillation
from analytics.rhythm_flutter import find_flutter
from analytics.rhythm_patterns import (
    paced_rhythm,
    repeating_patterns,
    supraventricular_runs,
    ventricular_runs,
)
from analytics.rhythm_pauses import find_pauses
from analytics.rhythm_rate import rate_episodes, sinus_elsewhere
from analytics.types import Beat, Ecg, Episode, QualityWindow
from analytics.vocabulary import Grade, Rhythm

BASIC = (
    Rhythm.VFIB,
    Rhythm.VFL,
    Rhythm.PVT,
    Rhythm.VT,
    Rhythm.ASYS,
    Rhythm.IVR,
    Rhythm.AFIB,
    Rhythm.AFL,
    Rhythm.P,
    Rhythm.SVTA,
    Rhythm.B,
    Rhythm.T,
    Rhythm.NOISE,
    Rhythm.STACH,
    Rhythm.SBR,
    Rhythm.SARRH,
    Rhythm.N,
)
"""What `rhythm_changes` may say, the weightiest first."""
WRITTEN = {
    Rhythm.PVT: Rhythm.VT,
    Rhythm.VFL: Rhythm.VFIB,
    Rhythm.STACH: Rhythm.N,
    Rhythm.SARRH: Rhythm.N,
}
"""How `rhythm_changes` says what annotation files have no common word for."""
TWO_LEADS = 1.5  # times as sure: what one lead may say at most, 0.6, becomes 0.9
FAST_WIDE = (Rhythm.VT, Rhythm.PVT, Rhythm.VFIB, Rhythm.VFL)


def find_episodes(
    beats: Sequence[Beat] | BeatArrays,
    fs: float,
    *,
    ecg_mv: Ecg | None = None,
    beside_mv: Sequence[Ecg] = (),
    quality: tuple[QualityWindow, ...] = (),
    end_sample: int,
    reviewed: bool = False,
) -> tuple[Episode, ...]:
    """Find every rhythm episode of a recording.

    Basic rhythms (sinus and its rates, fibrillation, tachycardias, pacing, noise) do not
    overlap each other but for bigeminy and trigeminy on sinus rhythm; pauses, couplets
    and block lie on top. Without a signal there is no ventricular fibrillation, no
    asystole, no flutter, no block and no rejection of false pauses; everything else works
    on beats.

    Parameters
    ----------
    beats : sequence of Beat, or BeatArrays
        In order of time.
    fs : float
        Sampling frequency in Hz.
    ecg_mv : ndarray of float64, shape (n_samples,), optional
        The lead that the beats come from, in mV.
    beside_mv : sequence of ndarray of float64, shape (n_samples,)
        Further leads: the atria may show in them what this one hides, and what two leads
        show is believed more.
    quality : tuple of QualityWindow
        Grades of the signal; none means all good.
    end_sample : int
        First sample after the recording.
    reviewed : bool
        A person has been over the beats. Atrial fibrillation then trusts their classes.

    Returns
    -------
    tuple of Episode
        In order of onset. Empty if there are neither beats nor signal.
    """
    table = beats if isinstance(beats, BeatArrays) else beat_arrays(beats, fs, end_sample)
    unreadable = graded(quality, Grade.X)
    fibrillation: list[Episode] = []
    if ecg_mv is not None:
        fibrillation = fit_to_beats(find_fibrillation(ecg_mv, fs), table)
    vf = spans_of(fibrillation)
    noise = subtract(unreadable, vf)
    runs = [
        *_outside(confirm_runs(ventricular_runs(table, ecg_mv), table, ecg_mv), vf),
        *fibrillation,
    ]
    wide = spans_of(runs, Rhythm.VT, Rhythm.PVT, Rhythm.VFIB, Rhythm.VFL, Rhythm.IVR)
    paced = _outside(paced_rhythm(table), wide)
    pacing = spans_of(paced)
    leads = [ecg_mv, *beside_mv]
    still = merge([*wide, *pacing, *noise])
    flutter = _of_all([find_flutter(table, lead, still) for lead in leads])
    atrial = flutter + _outside(
        find_atrial_fibrillation(table, reviewed=reviewed),
        merge([*vf, *pacing, *spans_of(flutter)]),
    )
    af = spans_of(atrial)
    still = merge([*spans_of(runs, *FAST_WIDE), *pacing, *af, *noise])
    free = _of_all([find_dissociation(table, lead, still) for lead in leads])
    if free:
        # What escapes is no rhythm of its own, nor are its beats ectopic.
        runs = [e for e in runs if e.rhythm in FAST_WIDE] + _outside(
            [e for e in runs if e.rhythm not in FAST_WIDE], spans_of(free)
        )
        wide = merge([*spans_of(runs), *spans_of(free)])
    still = merge([*wide, *pacing, *af, *noise])
    blocks = free + _of_all([find_blocks(table, lead, still) for lead in leads])
    dropped = spans_of(blocks, Rhythm.BII, Rhythm.AVB3)
    fast = _outside(supraventricular_runs(table), merge([*wide, *af, *pacing, *dropped]))
    svt = spans_of(fast, Rhythm.SVTA)
    patterns = _outside(repeating_patterns(table), merge([*wide, *af]))
    taken = merge([*wide, *pacing, *af, *svt, *noise])
    rates = rate_episodes(table, taken)
    pauses = find_pauses(
        table,
        ecg_mv=ecg_mv,
        quality=quality,
        af=af,
        blocks=dropped,
        fibrillation=vf,
    )
    named = [*runs, *paced, *atrial, *fast, *patterns, *rates, *blocks, *pauses]
    silent = spans_of(pauses, Rhythm.ASYS)
    rest = merge([*taken, *spans_of(rates), *silent])
    named += [_noise(span, quality) for span in noise]
    named += sinus_elsewhere(table, rest)
    return tuple(sorted(named, key=lambda e: (e.onset_sample, -(e.offset_sample or 0))))


def rhythm_changes(
    episodes: Sequence[Episode], end_sample: int
) -> tuple[tuple[int, Rhythm], ...]:
    """Flatten episodes into one sequence of rhythms, as annotation files hold them.

    Parameters
    ----------
    episodes : sequence of Episode
        From `find_episodes`.
    end_sample : int
        First sample after the recording.

    Returns
    -------
    tuple of (int, Rhythm)
        Where each rhythm begins, the first at sample 0, with the words of `WRITTEN`
        exchanged; where nothing is known the rhythm before goes on.
    """
    taken: list[Span] = []
    pieces: list[tuple[int, int, Rhythm]] = []
    for rhythm in BASIC:
        own = [
            (e.onset_sample, end_sample if e.offset_sample is None else e.offset_sample)
            for e in episodes
            if e.rhythm is rhythm
        ]
        free = subtract(merge(own), taken)
        word = WRITTEN.get(rhythm, rhythm)
        pieces += [(a, b, word) for a, b in free]
        taken = merge([*taken, *free])
    out: list[tuple[int, Rhythm]] = []
    for first, _, rhythm in sorted(pieces):
        if not out:
            out.append((0, rhythm))
        elif out[-1][1] is not rhythm:
            out.append((first, rhythm))
    return tuple(out)


def _outside(episodes: Sequence[Episode], taken: Sequence[Span]) -> list[Episode]:
    """Drop or trim episodes that weightier ones cover."""
    out: list[Episode] = []
    for episode in episodes:
        end = episode.offset_sample
        if end is None:
            out.append(episode)
            continue
        length = end - episode.onset_sample
        left = subtract([(episode.onset_sample, end)], taken)
        for first, last in left:
            whole = (first, last) == (episode.onset_sample, end)
            if whole or last - first >= max(0.2 * length, 1):
                out.append(
                    Episode(
                        episode.rhythm, first, last, episode.confidence, episode.evidence
                    )
                )
    return out


def _of_all(found: Sequence[Sequence[Episode]]) -> list[Episode]:
    """Take the longest that any lead shows; what two leads show is surer."""
    every = [
        ((e.onset_sample, e.offset_sample or e.onset_sample), e, lead)
        for lead, own in enumerate(found)
        for e in own
    ]
    out: list[Episode] = []
    for (first, end), episode, lead in sorted(every, key=lambda x: x[0][0] - x[0][1]):
        if subtract([(first, end)], spans_of(out, episode.rhythm)) != [(first, end)]:
            continue
        others = {
            k
            for (a, b), e, k in every
            if k != lead
            and e.rhythm is episode.rhythm
            and 2 * (min(end, b) - max(first, a)) >= end - first
        }
        sure = episode.confidence * (TWO_LEADS if others else 1.0)
        evidence = {**episode.evidence, "leads": 1.0 + len(others)}
        out.append(replace(episode, confidence=min(1.0, sure), evidence=evidence))
    return sorted(out, key=lambda e: e.onset_sample)


def _noise(span: Span, quality: Sequence[QualityWindow]) -> Episode:
    inside = [w for w in quality if w.first_sample < span[1] and w.end_sample > span[0]]
    causes = {f"cause_{w.cause}": 1.0 for w in inside if w.cause is not None}
    return Episode(Rhythm.NOISE, span[0], span[1], 1.0, causes)
