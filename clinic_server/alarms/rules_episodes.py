"""Rules on episodes: VF, asystole, VT, pause, AF, bigeminy."""

from statistics import median
from typing import Any

from analytics.types import Episode, EpisodeEvent
from analytics.vocabulary import Aami, Rhythm
from clinic_server.alarms import rules_conduction, rules_waves
from clinic_server.alarms.rules_work import Work

SAME_S = 5.0
"""An episode whose start moved by less after a restart is the same one."""
CONTACT_SHARE = 0.9
"""Share of a pause in which every electrode was proven on: a lost electrode is no pause."""
FLAT_SHARE = 0.5
"""Share of perfectly flat seconds above which a pause is an electrode, not a heart."""
SURE_RUN, WAVEFORM = 0.76, 0.5
"""Confidence of the beats of a short run, or how much its waveform looks like VT, from
which it is told: motion of an electrode makes runs of wide beats of 0.56 to 0.75."""
VT_WIDE_SHARE, SURE_WIDE_SHARE, SURE_ORIGIN = 0.6, 0.4, 0.85
"""Share of wide beats without which a fast run is not called ventricular; fewer are enough
where the beats are ventricular beyond doubt."""
ABRUPT = 1.15
"""A ventricular run is at least this much faster than what it interrupts; one that is not
looks like a fast sinus rhythm whose beats are called ventricular: Urgent, not Emergency."""
CERTAIN_BPM = 190.0
"""From here on no origin of a wide rhythm is harmless: nothing is asked of its onset."""
BEFORE_S = 12.0
SHORTEST_RUN = 3
"""Beats of a run that count with a long QT (E9), however short the run."""
AF_IRREGULAR = 0.10
"""Sinus arrhythmia reaches 0.08 now and then on calm records, fibrillation stays above."""
AF_LOOKS = 2
"""Looks at the interval statistics, ten seconds apart, that must agree."""
DAY_S = 86400.0


def episode(work: Work, event: EpisodeEvent) -> None:
    """Take one event of an episode."""
    rhythm = event.episode.rhythm
    if rhythm in (Rhythm.VFIB, Rhythm.VFL):
        _fibrillation(work, event)
    elif rhythm is Rhythm.ASYS:
        _asystole(work, event)
    elif rhythm in (Rhythm.VT, Rhythm.PVT):
        _ventricular_tachycardia(work, event)
    elif rhythm is Rhythm.PAUSE:
        _pause(work, event)
    elif rhythm in (Rhythm.AFIB, Rhythm.AFL):
        _atrial_fibrillation(work, event)
    elif rhythm in (Rhythm.B, Rhythm.T):
        _pattern(work, event)
    elif rhythm in (Rhythm.BII, Rhythm.AVB3):
        rules_conduction.block(work, event)


def _numbers(found: Episode) -> dict[str, Any]:
    return dict(found.evidence.items()) | {"confidence": found.confidence}


def _end(event: EpisodeEvent) -> int:
    found = event.episode
    return event.decided_sample if found.offset_sample is None else found.offset_sample


def _closed(event: EpisodeEvent) -> bool:
    return event.phase == "closed"


def _duration_s(work: Work, event: EpisodeEvent) -> float:
    found = event.episode
    stated = found.evidence.get("duration_s")
    if stated is not None and not _closed(event):
        return float(stated)
    return work.seconds(_end(event) - found.onset_sample)


def _fibrillation(work: Work, event: EpisodeEvent) -> None:
    found, duration_s = event.episode, _duration_s(work, event)
    evidence = _numbers(found) | {"severity": duration_s}
    params = {"duration_s": round(duration_s)}
    if duration_s >= work.limits["vf_min_s"]:
        work.raise_(
            "VF",
            "E1",
            "alarms.vf",
            found.onset_sample,
            event.decided_sample,
            params,
            evidence,
        )
    if _closed(event):
        work.clear("VF", _end(event), event.decided_sample, params, evidence)


def _asystole(work: Work, event: EpisodeEvent) -> None:
    found = event.episode
    gap_s = work.seconds(_end(event) - found.onset_sample)
    if not _closed(event):
        gap_s = float(found.evidence.get("gap_s", gap_s))
    # an electrode that lets go ends in silence too: only proven seconds in a row count
    proven = float(found.evidence.get("proven_s", 0.0)) >= work.limits["asystole_min_s"]
    evidence = _numbers(found) | {"severity": gap_s}
    params = {"duration_s": round(gap_s)}
    # the heart must have been seen beating on good signal before it can be said to stop
    trusted = found.confidence >= 0.8
    if proven and trusted and not _closed(event):
        work.raise_(
            "ASYS",
            "E1",
            "alarms.asystole",
            found.onset_sample,
            event.decided_sample,
            params,
            evidence,
        )
    if _closed(event):
        if work.open("ASYS") is not None:
            work.memory["asystole_until"] = _end(event)
        work.clear("ASYS", _end(event), event.decided_sample, params, evidence)


def _ventricular_tachycardia(work: Work, event: EpisodeEvent) -> None:
    found = event.episode
    beats = float(found.evidence.get("beats", 0.0))
    rate = float(found.evidence.get("rate_bpm", 0.0))
    wide = float(found.evidence.get("wide", 1.0))
    duration_s = _duration_s(work, event)
    params = {
        "beats": round(beats),
        "rate_bpm": round(rate),
        "duration_s": round(duration_s, 1),
    }
    abrupt = is_abrupt(work, found.onset_sample, rate)
    evidence = _numbers(found) | {"severity": beats, "abrupt": abrupt}
    limits = work.limits
    polymorphic = found.rhythm is Rhythm.PVT and beats >= limits["pvt_beats"]
    fast = beats >= limits["vt_fast_beats"] and rate >= limits["vt_fast_bpm"]
    long = duration_s >= limits["vt_sustained_s"] and rate >= limits["vt_rate_bpm"]
    run = beats >= limits["nsvt_beats"] and rate >= limits["vt_rate_bpm"]
    onset, decided = found.onset_sample, event.decided_sample
    waveform = float(found.evidence.get("waveform", 0.0))
    if waveform >= WAVEFORM:
        work.memory["waveform_at"] = int(decided)
    sure = found.confidence >= SURE_RUN or waveform >= WAVEFORM
    run = run and sure
    serious = polymorphic or (abrupt and ((fast and sure) or long))
    wide_enough = is_wide(wide, found.confidence)
    if wide_enough and serious:
        code = "alarms.pvt" if polymorphic else "alarms.vt"
        if work.open("VT") is None:
            # the run has outgrown its earlier, lower card
            work.clear("NSVT", decided, decided, params, {"superseded": True})
        work.raise_("VT", "E2", code, onset, decided, params, evidence)
    elif work.open("VT") is None and wide_enough and run:
        # a short run is told when it is over, so that a longer one is told once, as E2
        if _closed(event) and work.open("NSVT") is None:
            work.once("U1", "alarms.nsvt", onset, _end(event), decided, params, evidence)
        elif not _closed(event) and beats >= limits["vt_fast_beats"]:
            work.raise_("NSVT", "U1", "alarms.nsvt", onset, decided, params, evidence)
    if wide_enough and sure and beats >= SHORTEST_RUN:
        rules_waves.ventricular(work, onset, decided)
    if wide_enough and (serious or run):
        work.told_run(onset, _end(event))
    if _closed(event):
        work.clear("VT", _end(event), decided, params, evidence)
        work.clear("NSVT", _end(event), decided, params, evidence)


def is_wide(share: float, confidence: float) -> bool:
    """Say whether enough beats of a run are wide to call it ventricular."""
    least = SURE_WIDE_SHARE if confidence >= SURE_ORIGIN else VT_WIDE_SHARE
    return share >= least


def is_abrupt(work: Work, onset: int, rate_bpm: float) -> bool:
    """Say whether a run is clearly faster than the beats before it."""
    before: list[float] = [
        row[2]
        for row in work.memory.get("beats", [])
        if onset - BEFORE_S * work.fs < row[0] < onset
        and row[2] is not None
        and row[1] != Aami.V.value
    ]
    if len(before) < 5 or rate_bpm >= CERTAIN_BPM:
        return True
    return rate_bpm >= ABRUPT * 60_000.0 / median(before)


def _pause(work: Work, event: EpisodeEvent) -> None:
    if not _closed(event):
        return
    found = event.episode
    rr_ms = float(found.evidence.get("rr_ms", 0.0))
    contact = float(found.evidence.get("contact", 0.0))
    flat = float(found.evidence.get("flat", 1.0))
    if contact < CONTACT_SHARE or flat > FLAT_SHARE or found.confidence < 0.8:
        return
    if found.onset_sample < work.memory.get("asystole_until", -1):
        return  # told already, as asystole
    limits = work.limits
    in_af = work.memory.get("af") is not None
    onset, end, decided = found.onset_sample, _end(event), event.decided_sample
    evidence = _numbers(found) | {"severity": rr_ms, "in_af": in_af}
    params = {"rr_ms": round(rr_ms), "rr_s": round(rr_ms / 1000, 1)}
    long: list[int] = work.memory.setdefault("pauses", [])
    if rr_ms >= limits["pause_u_ms"] and not in_af:
        day = DAY_S * work.fs
        long = [s for s in long if onset - s < day] + [onset]
        work.memory["pauses"] = long[-32:]
    alone_ms = limits["pause_af_ms"] if in_af else limits["pause_e_ms"]
    repeated = not in_af and len(long) >= limits["pause_repeat_n"]
    if rr_ms >= alone_ms or (repeated and rr_ms >= limits["pause_u_ms"]):
        evidence["in_24_h"] = len(long)
        work.once("E3", "alarms.pause", onset, end, decided, params, evidence)
    elif rr_ms >= limits["pause_u_ms"]:
        work.once("U4", "alarms.pause", onset, end, decided, params, evidence)
    elif rr_ms >= limits["pause_d_ms"]:
        work.once("D1", "alarms.pause_short", onset, end, decided, params, evidence)


def _atrial_fibrillation(work: Work, event: EpisodeEvent) -> None:
    found, limits = event.episode, work.limits
    onset, decided = found.onset_sample, event.decided_sample
    duration_s = _duration_s(work, event)
    rate = float(found.evidence.get("rate_bpm", 0.0))
    ectopy = float(found.evidence.get("ectopy_share", 1.0))
    params = {"duration_s": round(duration_s), "rate_bpm": round(rate)}
    evidence = _numbers(found) | {"severity": duration_s}
    if _closed(event):
        work.memory["af"] = None
        work.memory["af_looks"] = 0
        work.clear("AF", _end(event), decided, {"duration_s": round(duration_s)}, evidence)
        work.clear("AF_FAST", _end(event), decided)
        return
    irregular = float(found.evidence.get("rr_irregularity", 1.0)) >= AF_IRREGULAR
    clean = ectopy < limits["af_ectopy_share"]
    looks = int(work.memory.get("af_looks", 0)) + (irregular and clean)
    work.memory["af_looks"] = looks
    if looks < AF_LOOKS:
        return
    work.memory["af"] = onset
    if work.open("AF") is not None or (clean and duration_s >= limits["af_min_s"]):
        first = not work.context.known_af and not work.memory.get("af_seen", False)
        rule, code = ("U2", "alarms.af_new") if first else ("D1", "alarms.af_again")
        work.raise_("AF", rule, code, onset, decided, params, evidence)
        work.memory["af_seen"] = True
    _fast_af(work, rate, decided, params, evidence)


def _fast_af(
    work: Work, rate: float, decided: int, params: dict[str, Any], evidence: dict[str, Any]
) -> None:
    limits = work.limits
    if rate > limits["af_fast_bpm"]:
        since = work.memory.get("af_fast_since")
        if since is None:
            work.memory["af_fast_since"] = since = decided
        if work.seconds(decided - since) >= limits["af_fast_min"] * 60:
            evidence = evidence | {"severity": rate}
            work.raise_("AF_FAST", "U3", "alarms.af_fast", since, decided, params, evidence)
    elif rate <= limits["af_fast_bpm"] - 5:  # hysteresis, 1/min
        work.memory["af_fast_since"] = None
        work.clear("AF_FAST", decided, decided, params, evidence)


def _pattern(work: Work, event: EpisodeEvent) -> None:
    found = event.episode
    cycles = float(found.evidence.get("beats", 0.0))
    minutes = max(1.0, _duration_s(work, event) / 60)
    if not _closed(event) or cycles / minutes <= 6:  # > 6 cycles a minute
        return
    code = "alarms.bigeminy" if found.rhythm is Rhythm.B else "alarms.trigeminy"
    params = {"cycles": round(cycles)}
    evidence = _numbers(found) | {"severity": cycles}
    onset, end = found.onset_sample, _end(event)
    work.once("D1", code, onset, end, event.decided_sample, params, evidence)
