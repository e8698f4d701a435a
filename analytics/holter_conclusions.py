"""Section 22: what the conclusion says, as codes with their numbers.

The text of a sentence is made from its code and these numbers only, so that words and
tables cannot differ. Codes are listed in `CODES`; every locale must have all of them.
"""

from collections.abc import Callable, Mapping

from analytics.holter_types import Ectopy, HolterReport, Sentence
from analytics.vocabulary import Rhythm

LONG_PAUSE_MS = 3000.0  # ms, spoken of apart (alarm rule U4)
LOW_SDNN_MS, FAIR_SDNN_MS = 50.0, 100.0  # ms (report definition 10, literature)
LONG_QTC_MS = 500.0  # ms (report definition 9)

CODES = (
    "coverage.used",
    "coverage.not_full_day",
    "coverage.nothing",
    "rhythm.basic",
    "rhythm.episode",
    "rate.summary",
    "rate.day_night",
    "v.none",
    "v.count",
    "v.couplets",
    "v.bigeminy",
    "v.vt_nonsustained",
    "v.vt_sustained",
    "v.aivr",
    "v.r_on_t",
    "v.over_100_per_24h",
    "v.frequent",
    "v.high",
    "s.none",
    "s.count",
    "s.couplets",
    "s.svt",
    "s.over_100_per_24h",
    "af.none",
    "af.episodes",
    "af.conversion_pause",
    "pause.none",
    "pause.count",
    "pause.long",
    "pause.in_af",
    "st.single_lead",
    "st.none",
    "st.episodes",
    "st.turned",
    "qt.summary",
    "qt.long",
    "qt.wide_qrs",
    "hrv.summary",
    "hrv.low",
    "hrt.category",
    "dc.risk",
    "pacing.share",
    "pacing.not_captured",
    "pacing.not_sensed",
    "symptoms.none",
    "symptoms.in_sinus",
)
"""Every code a sentence may have."""

SERIOUS = (
    Rhythm.VFIB,
    Rhythm.VFL,
    Rhythm.PVT,
    Rhythm.ASYS,
    Rhythm.AVB3,
    Rhythm.BII,
    Rhythm.AFL,
    Rhythm.SVTA,
)
"""Rhythms named one by one; fibrillation, VT and pauses have sentences of their own."""

Params = Mapping[str, float | int | str]


def conclusions(report: HolterReport) -> tuple[Sentence, ...]:
    """Write the conclusion of a report (whose own ``conclusions`` are not read).

    Returns
    -------
    tuple of Sentence
        Most general first. Nothing is said about what could not be assessed, except
        where a reader would expect it (ST on one lead, QTc with a wide QRS).
    """
    said: list[Sentence] = []

    def say(code: str, **params: float | int | str) -> None:
        said.append(Sentence(code, params))

    _coverage(report, say)
    if report.heart_rate.total_beats:
        for part in (_rhythm, _rate, _ventricular, _supraventricular, _af, _pauses):
            part(report, say)
        for part in (_st, _qt, _autonomic, _rest):
            part(report, say)
    return tuple(said)


Say = Callable[..., None]


def _coverage(r: HolterReport, say: Say) -> None:
    c = r.coverage
    hours = {"recorded_h": c.recorded_s / 3600.0, "analysable_h": c.analysable_s / 3600.0}
    if not r.heart_rate.total_beats:
        say("coverage.nothing", **hours)
        return
    say("coverage.used", **hours, analysable_pct=c.analysable_pct)
    if not c.full_day:
        say("coverage.not_full_day", analysable_h=c.analysable_s / 3600.0)


def _rhythm(r: HolterReport, say: Say) -> None:
    top = r.rhythm.shares[0]
    say("rhythm.basic", rhythm=r.rhythm.basic.value, pct=top.pct)
    for rhythm in SERIOUS:
        count = r.rhythm.episode_counts.get(rhythm.value, 0)
        if count:
            seconds = r.rhythm.episode_seconds[rhythm.value]
            say("rhythm.episode", rhythm=rhythm.value, count=count, total_s=seconds)


def _rate(r: HolterReport, say: Say) -> None:
    h = r.heart_rate
    if h.mean_bpm is not None and h.min is not None and h.max is not None:
        say(
            "rate.summary",
            beats=h.total_beats,
            mean_bpm=h.mean_bpm,
            min_bpm=h.min.bpm,
            max_bpm=h.max.bpm,
        )
    if h.circadian_index is not None and h.day_mean_bpm and h.night_mean_bpm:
        say(
            "rate.day_night",
            day_bpm=h.day_mean_bpm,
            night_bpm=h.night_mean_bpm,
            index=h.circadian_index,
        )


def _ventricular(r: HolterReport, say: Say) -> None:
    v = r.ventricular
    if not v.count:
        say("v.none")
        return
    say("v.count", count=v.count, burden_pct=v.burden_pct or 0.0, per_h=v.per_hour or 0.0)
    for flag in v.flags:
        say(f"v.{flag}", count=v.count)
    if v.couplets:
        say("v.couplets", count=v.couplets)
    if v.bigeminy_episodes or v.trigeminy_episodes:
        say("v.bigeminy", bigeminy=v.bigeminy_episodes, trigeminy=v.trigeminy_episodes)
    short = v.tachycardias - v.sustained
    if v.sustained:
        say("v.vt_sustained", count=v.sustained, **_extremes(v, "vt_sustained"))
    if short:
        say("v.vt_nonsustained", count=short, **_extremes(v, "vt_nonsustained"))
    if v.slow_runs:
        say("v.aivr", count=v.slow_runs)
    if r.ventricular_extras.r_on_t:
        say(
            "v.r_on_t",
            count=r.ventricular_extras.r_on_t,
            method=r.ventricular_extras.r_on_t_method,
        )


def _supraventricular(r: HolterReport, say: Say) -> None:
    s = r.supraventricular
    if not s.count:
        say("s.none")
        return
    say("s.count", count=s.count, burden_pct=s.burden_pct or 0.0, per_h=s.per_hour or 0.0)
    for flag in s.flags:
        say(f"s.{flag}", count=s.count)
    if s.couplets:
        say("s.couplets", count=s.couplets)
    if s.tachycardias:
        say("s.svt", count=s.tachycardias, **_extremes(s, "svt"))


def _extremes(ectopy: Ectopy, kind: str) -> Params:
    """Numbers of the fastest and the longest run of one kind."""
    longest = ectopy.longest_by_kind[kind]
    return {
        "fastest_bpm": ectopy.fastest_by_kind[kind].bpm,
        "longest_beats": longest.beats,
        "longest_s": longest.duration_s,
    }


def _af(r: HolterReport, say: Say) -> None:
    af = r.af
    if not af.episodes:
        say("af.none")
        return
    say(
        "af.episodes",
        count=af.episodes,
        burden_pct=af.burden_pct or 0.0,
        longest_s=af.longest_s or 0.0,
        mean_bpm=af.mean_bpm or 0.0,
    )
    if af.conversion_pause_ms is not None and af.conversion_pause_ms >= LONG_PAUSE_MS:
        say("af.conversion_pause", rr_ms=af.conversion_pause_ms)


def _pauses(r: HolterReport, say: Say) -> None:
    p = r.pauses
    outside = [one for one in p.longest_ones if one.cause != "in_af"]
    if not p.count:
        say("pause.none")
    elif outside:
        top = outside[0]
        say("pause.count", count=p.count, longest_ms=top.rr_ms, cause=top.cause)
        long = p.bins["3.0-3.99"] + p.bins[">=4.0"]
        if long:
            say("pause.long", count=long)
    if p.in_af[">=2.5"]:
        say("pause.in_af", count=p.in_af[">=2.5"], very_long=p.in_af[">=5.0"])


def _st(r: HolterReport, say: Say) -> None:
    if r.st is None or not r.st.statement_allowed:
        say("st.single_lead")
        return
    real = [e for e in r.st.episodes if not e.position_change_suspected]
    if real:
        top = max(real, key=lambda e: abs(e.max_delta_mv))
        say(
            "st.episodes",
            count=len(real),
            lead=top.lead,
            max_delta_mv=top.max_delta_mv,
            direction=top.direction,
            burden_mv_min=sum(e.burden_mv_min for e in real),
        )
    if not r.st.episodes:
        say("st.none")
    elif turned := len(r.st.episodes) - len(real):
        say("st.turned", count=turned)


def _qt(r: HolterReport, say: Say) -> None:
    if r.qt is None:
        return
    if r.qt.qtc_median_ms is None:
        say("qt.wide_qrs", qrs_ms=r.qt.qrs_median_ms, jt_ms=r.qt.jt_median_ms)
        return
    qtc = r.qt.qtc_median_ms[r.qt.formula]
    say("qt.summary", qt_ms=r.qt.qt_median_ms, qtc_ms=qtc, formula=r.qt.formula)
    if qtc >= LONG_QTC_MS:
        say("qt.long", qtc_ms=qtc)


def _autonomic(r: HolterReport, say: Say) -> None:
    h = r.hrv_time
    if h is not None:
        say("hrv.summary", sdnn_ms=h.sdnn_ms, rmssd_ms=h.rmssd_ms or 0.0)
        # The cut-off belongs to 24-h SDNN; a shorter recording must not borrow it.
        if h.whole_day and h.sdnn_ms < LOW_SDNN_MS:
            say("hrv.low", sdnn_ms=h.sdnn_ms)
    if r.turbulence is not None:
        say(
            "hrt.category",
            category=r.turbulence.category,
            onset_pct=r.turbulence.onset_pct,
            slope=r.turbulence.slope_ms_per_rr,
        )
    if r.capacity is not None:
        say("dc.risk", dc_ms=r.capacity.dc_ms, risk=r.capacity.risk)


def _rest(r: HolterReport, say: Say) -> None:
    if r.pacing.paced_beats:
        say("pacing.share", pct=r.pacing.paced_pct, beats=r.pacing.paced_beats)
    if r.pacing.not_captured:
        say("pacing.not_captured", count=r.pacing.not_captured)
    if r.pacing.not_sensed:
        say("pacing.not_sensed", count=r.pacing.not_sensed)
    if r.symptoms:
        say("symptoms.in_sinus", count=len(r.symptoms), in_sinus=r.symptoms_in_sinus)
    else:
        say("symptoms.none")
