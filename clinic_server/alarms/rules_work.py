"""The workbench of one evaluation: memory, what was found, and how it is said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics.live import BEAT_LOOK_AHEAD_S
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.catalogue import RULES
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.models import Tier

DOUBT_S = 60.0
REFRACTORY_S = 0.15


@dataclass(frozen=True, slots=True)
class Context:
    """What the ECG does not say."""

    known_af: bool = False
    """Known before, or found by an earlier alarm: U2 is for the first time only."""
    asleep: bool = False
    """The hour is one of sleep: slower rates are normal."""
    in_session: bool = False
    """A prescribed exercise session runs: a fast rate is its purpose."""
    pacing_lower_bpm: float | None = None
    """Lowest programmed rate of a pacemaker; None: there is none, or it is not known."""
    lead_names: tuple[str, ...] = ()
    """Of the unit, in the order of its columns."""


@dataclass(slots=True)
class Work:
    """One evaluation; lives only inside `rules.evaluate`."""

    fs: float
    limits: Limits
    context: Context
    memory: dict[str, Any]
    found: list[Candidate] = field(default_factory=list)

    def seconds(self, samples: float) -> float:
        """Turn samples into seconds."""
        return samples / self.fs

    def known(self, beat_sample: int) -> int:
        """Last sample that was needed to know a beat."""
        return beat_sample + round(BEAT_LOOK_AHEAD_S * self.fs)

    def open(self, name: str) -> dict[str, Any] | None:
        """Give a running condition by name."""
        conditions: dict[str, dict[str, Any]] = self.memory.setdefault("open", {})
        return conditions.get(name)

    def is_raised(self, *rules: str) -> bool:
        """Say whether one of these rules has a running condition."""
        conditions: dict[str, dict[str, Any]] = self.memory.setdefault("open", {})
        return any(c["rule"] in rules for c in conditions.values())

    def raise_(
        self,
        name: str,
        rule: str,
        code: str,
        onset: int,
        decided: int,
        params: Mapping[str, Any],
        evidence: Mapping[str, Any],
        *,
        tier: Tier | None = None,
    ) -> None:
        """Raise, once per running condition ``name``; later calls update its numbers.

        ``tier`` is given where evidence decides it; else it is the rule's own.
        """
        running = self.open(name)
        if running is not None:
            running.pop("doubt", None)
        if running is None:
            running = {"rule": rule, "code": code, "onset": onset}
            if tier is not None:
                running["tier"] = tier.value
            self.memory["open"][name] = running
            self._say("raised", running, decided, None, params, evidence)
        else:
            self._say("updated", running, decided, None, params, evidence)

    def clear(
        self,
        name: str,
        offset: int,
        decided: int,
        params: Mapping[str, Any] | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """End a running condition; nothing happens when it does not run."""
        running = self.memory.setdefault("open", {}).pop(name, None)
        if running is not None:
            self._say("cleared", running, decided, offset, params or {}, evidence or {})

    def told_run(self, onset: int, end: int) -> None:
        """Take the beats of a run with an alarm of its own out of the ventricular load."""
        self.memory["v"] = [s for s in self.memory.get("v", []) if not onset <= s <= end]
        self.memory["run_until"] = max(end, self.memory.get("run_until", -1))

    def is_new_beat(self, sample: int) -> bool:
        """Say whether a beat is another one than the last.

        Started anew, the analysis may place the beat at the seam a few milliseconds
        elsewhere and tell it again: no heart beats twice within the refractory time.
        """
        last = self.memory.get("last_beat")
        if last is not None and sample <= last + REFRACTORY_S * self.fs:
            return False
        self.memory["last_beat"] = int(sample)
        return True

    def end_doubtful(self, now: int) -> None:
        """End what nothing has confirmed for a minute since the analysis was restarted."""
        conditions: dict[str, dict[str, Any]] = self.memory.get("open", {})
        for name, running in list(conditions.items()):
            since = running.get("doubt")
            if since is not None and self.seconds(now - since) > DOUBT_S:
                self.clear(name, since, now, {}, {"lost_end": True})
                if name == "AF":
                    self.memory["af"] = None

    def once(
        self,
        rule: str,
        code: str,
        onset: int,
        offset: int,
        decided: int,
        params: Mapping[str, Any],
        evidence: Mapping[str, Any],
    ) -> None:
        """Raise something that is over when it is known: raised and cleared."""
        told = {"rule": rule, "code": code, "onset": onset}
        self._say("raised", told, decided, offset, params, evidence)
        self._say("cleared", told, decided, offset, {}, {})

    def _say(
        self,
        phase: Any,
        condition: Mapping[str, Any],
        decided: int,
        offset: int | None,
        params: Mapping[str, Any],
        evidence: Mapping[str, Any],
    ) -> None:
        info = RULES[condition["rule"]]
        self.found.append(
            Candidate(
                phase=phase,
                rule=info.id,
                tier=Tier(condition.get("tier", info.tier)),
                kind=info.kind,
                code=condition["code"],
                onset_sample=int(condition["onset"]),
                decided_sample=int(decided),
                latching=info.latching,
                offset_sample=None if offset is None else int(offset),
                params=dict(params),
                evidence=dict(evidence),
            )
        )
