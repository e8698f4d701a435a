"""Rules on atrioventricular block, as far as the P waves of one lead show it.

One lead says "possible": third-degree and high-grade block (two P waves in a row or more
that are not conducted) are an Emergency only with P evidence of 0.9 or more, else Urgent.
"""

from analytics.types import EpisodeEvent
from analytics.vocabulary import Rhythm
from clinic_server.alarms.models import Tier
from clinic_server.alarms.rules_work import Work

SURE_P = 0.9
"""P evidence from which one lead is believed (alarm-rules E5)."""
HIGH_GRADE = 2
"""P waves in a row that are not conducted."""


def block(work: Work, event: EpisodeEvent) -> None:
    """Take one event of second- or third-degree block."""
    found, decided = event.episode, event.decided_sample
    p_evidence = float(found.evidence.get("p_evidence", 0.0))
    third = found.rhythm is Rhythm.AVB3
    second = any(found.evidence.get(kind) for kind in ("type_2", "two_to_one"))
    if event.phase == "closed":
        end = decided if found.offset_sample is None else found.offset_sample
        for name in ("BLOCK_3",) if third else ("BLOCK_2", "BLOCK_HIGH"):
            work.clear(name, end, decided)
        return
    evidence = dict(found.evidence) | {
        "confidence": found.confidence,
        "severity": float(found.evidence.get("dropped", 1.0)),
    }
    params = {"percent": round(100 * p_evidence)}
    onset = found.onset_sample
    in_a_row = round(float(found.evidence.get("in_a_row", 1.0)))
    if not third and in_a_row >= HIGH_GRADE and work.open("BLOCK_3") is None:
        tier = Tier.EMERGENCY if p_evidence >= SURE_P else Tier.URGENT
        params |= {"count": in_a_row}
        code = "alarms.block_high"
        work.clear("BLOCK_2", decided, decided, params, {"superseded": True})
        work.raise_("BLOCK_HIGH", "E5", code, onset, decided, params, evidence, tier=tier)
    elif third:
        tier = Tier.EMERGENCY if p_evidence >= SURE_P else Tier.URGENT
        code = "alarms.block_third"
        for lower in ("BLOCK_2", "BLOCK_HIGH"):
            work.clear(lower, decided, decided, params, {"superseded": True})
        work.raise_("BLOCK_3", "E5", code, onset, decided, params, evidence, tier=tier)
    elif second and not (work.open("BLOCK_3") or work.open("BLOCK_HIGH")):
        code = "alarms.block_second"
        work.raise_("BLOCK_2", "U7", code, onset, decided, params, evidence)
