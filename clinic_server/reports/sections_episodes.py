"""The longest episodes of each rhythm: when, how sure, and why it was called so."""

from collections import Counter
from typing import Any

from clinic_server.reports.document import Json, Say, Section, Table

Result = dict[str, Any]
SHOWN = 3  # of each rhythm; all are counted in the section on rhythm
UNSAID = frozenset({"N", "NOISE", "BRADY", "TACHY"})
"""Rhythms that need no reason, or are the live stream's only."""
CAUSES = (
    *("in_af", "conversion", "post_ectopic"),
    *("av_block", "sa_block", "sinus_arrest"),
)
BLOCKS = ("type_1", "type_2", "two_to_one")


def episodes(say: Say, r: Result) -> Section | None:
    """Tabulate them; None where there is nothing but sinus rhythm."""
    seen: Counter[str] = Counter()
    rows: list[list[str]] = []
    for one in r["rhythm"]["episodes"]:
        name = one["rhythm"]
        seen[name] += 1
        if name in UNSAID or seen[name] > SHOWN:
            continue
        rate = one["mean_bpm"]
        rows.append(
            [
                say.t(f"rhythm.{name}"),
                say.moment(one["onset"]),
                say.span(one["duration_s"]),
                "—" if rate is None else say.number(rate),
                say.unit(100.0 * one["confidence"], "pct"),
                why(say, one),
            ]
        )
    if not rows:
        return None
    names = ("rhythm", "time", "lasts", "mean_rate", "sure", "why")
    head = [say.t(f"table.{name}") for name in names]
    return Section(say.t("section.episodes"), table=Table(head, rows))


def why(say: Say, episode: Json) -> str:
    """Say in plain words what an episode rests on, with its measured values.

    Parameters
    ----------
    say : Say
    episode : dict
        `analytics.holter_types.EpisodeRow` as JSON.
    """
    name, found = episode["rhythm"], episode["evidence"]

    def number(key: str, digits: int = 0, times: float = 1.0) -> str:
        value = found.get(key)
        return "—" if value is None else say.number(times * value, digits)

    code = name
    if name == "VT" and "beats" not in found:
        code = "VT_waves"
    if name == "BII":
        code = next((f"BII_{k}" for k in BLOCKS if found.get(k) == 1.0), "BII_type_2")
    cause = next((c for c in CAUSES if found.get(f"cause_{c}") == 1.0), "sinus_arrest")
    return say.t(
        f"why.{code}",
        beats=number("beats"),
        rate=number("rate_bpm"),
        irregularity=number("rr_irregularity", 0, 100.0),
        ectopy=number("ectopy_share", 0, 100.0),
        swing=number("rr_span_ms"),
        cycles=number("cycles"),
        pr=number("pr_ms"),
        fall=number("pr_fall_ms"),
        rr=number("rr_ms"),
        dropped=number("dropped"),
        atrial=number("atrial_bpm"),
        paced=number("paced_share", 0, 100.0),
        cause=say.t(f"cause.{cause}"),
    )
