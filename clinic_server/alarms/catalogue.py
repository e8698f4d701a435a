"""Every rule by name: tier, kind, latching, re-arm, and the escalation of each tier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clinic_server.alarms.models import AlarmKind, Tier

_E, _U, _D = Tier.EMERGENCY, Tier.URGENT, Tier.DAILY
_MIN = 60
_H = 3600


@dataclass(frozen=True, slots=True)
class Rule:
    """What does not depend on the patient.

    Attributes
    ----------
    rearm_s : int
        A repeat within this time of the first joins its card; 0: each one is its own.
    latching : bool
        Stays after the condition is gone, until a person deals with it.
    """

    id: str
    tier: Tier
    kind: AlarmKind
    latching: bool
    rearm_s: int


def _rule(id_: str, tier: Tier, latching: bool, rearm_s: int) -> Rule:
    technical = id_[0] == "T"
    kind = AlarmKind.TECHNICAL if technical else AlarmKind.PHYSIOLOGICAL
    return Rule(id_, tier, kind, latching, rearm_s)


RULES: Mapping[str, Rule] = {
    rule.id: rule
    for rule in (
        _rule("E1", _E, True, 0),
        _rule("E2", _E, True, 10 * _MIN),
        _rule("E3", _E, True, 30 * _MIN),
        _rule("E4", _E, True, 30 * _MIN),
        _rule("E5", _E, True, 24 * _H),
        _rule("E6", _E, True, 30 * _MIN),
        _rule("E7", _E, True, 24 * _H),
        _rule("E8", _E, True, 60 * _MIN),
        _rule("E9", _E, True, 24 * _H),
        _rule("E10", _E, True, 0),
        _rule("U1", _U, True, 6 * _H),
        _rule("U2", _U, True, 24 * _H),
        _rule("U3", _U, False, 6 * _H),
        _rule("U4", _U, True, 6 * _H),
        _rule("U5", _U, False, 2 * _H),
        _rule("U6", _U, False, 2 * _H),
        _rule("U7", _U, True, 24 * _H),
        _rule("U8", _U, True, 2 * _H),
        _rule("U9", _U, True, 24 * _H),
        _rule("U10", _U, False, 6 * _H),
        _rule("U11", _U, True, 24 * _H),
        _rule("U12", _U, False, 12 * _H),
        _rule("D1", _D, False, 24 * _H),
        _rule("D2", _U, True, 7 * 24 * _H),
        _rule("T1", _D, False, 0),
        _rule("T2", _D, False, 2 * _H),
        _rule("T3", _D, False, 12 * _H),
        _rule("T4", _D, True, 24 * _H),
        _rule("T5", _U, True, 1 * _H),
        _rule("T6", _D, False, 0),
        _rule("T7", _U, False, 1 * _H),  # more alarms in an hour than anybody can read
    )
}

NOT_ASSESSED: Mapping[str, str] = {
    "U11": "alarms.not_assessed_U11",
    "E8": "alarms.not_assessed_E8",
    "U8": "alarms.not_assessed_U8",
}
"""Rules that a unit may not be able to feed, and the sentence that says so: never silent.

U11 sees intervals that are too long for the programmed rate, and never a pacing pulse: it
lasts half a millisecond and is not in the samples.
"""

_EMERGENCY_POLICY: tuple[Mapping[str, Any], ...] = (
    {"step": 1, "after_s": 0, "to": ["attending", "duty:1"]},
    {"step": 2, "after_s": 120, "to": ["attending", "duty:1", "duty:2"]},
    {"step": 3, "after_s": 300, "to": ["duty:3", "duty:1"]},
    {"step": 4, "after_s": 600, "to": ["call_list", "duty:1"], "repeat_s": 600},
)
_URGENT_POLICY: tuple[Mapping[str, Any], ...] = (
    {"step": 1, "after_s": 0, "to": ["attending"]},
    {"step": 2, "after_s": 1800, "to": ["attending", "duty:2"]},
    {"step": 3, "after_s": 7200, "to": ["duty:3"]},
    {"step": 4, "after_s": 14400, "to": ["call_list"], "repeat_s": 4 * _H},
)
_TECHNICAL_POLICY: tuple[Mapping[str, Any], ...] = (
    {"step": 1, "after_s": 0, "to": ["nurse"]},
    {"step": 2, "after_s": 3600, "to": ["duty:1"]},
)
_CONTACT_POLICY: tuple[Mapping[str, Any], ...] = (
    # the phone has asked the patient at once; the desk hears of it when that did not help
    {"step": 1, "after_s": 3600, "to": ["nurse"]},
)
_PLANT_POLICY: tuple[Mapping[str, Any], ...] = (
    {"step": 1, "after_s": 0, "to": ["admin", "duty:1"]},
    {"step": 2, "after_s": 3600, "to": ["admin", "duty:3"], "repeat_s": _H},
)


def policy_for(rule: Rule) -> list[dict[str, Any]]:
    """Give the escalation an alarm of this rule starts with; a copy, kept by the alarm.

    ``after_s`` counts from the raising; ``to`` names roles, resolved by the roster when
    the step is taken. A Daily alarm has none: it waits for the digest.
    """
    if rule.id == "T5":
        steps = _PLANT_POLICY
    elif rule.id == "T2":
        steps = _CONTACT_POLICY
    elif rule.kind is AlarmKind.TECHNICAL:
        steps = _TECHNICAL_POLICY if rule.tier is Tier.URGENT else ()
    elif rule.tier is Tier.EMERGENCY:
        steps = _EMERGENCY_POLICY
    elif rule.tier is Tier.URGENT:
        steps = _URGENT_POLICY
    else:
        steps = ()
    return [dict(step) for step in steps]
