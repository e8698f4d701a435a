"""Whether a patch that fell silent did so because its battery ran out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

TREND_PERCENT = 2  # a smaller fall says nothing: readings are whole and jump by one
LAST_PERCENT = 3  # a radio may brown out before the gauge says 0


@dataclass(slots=True)
class ChargeTrend:
    """What was heard of a battery since it was last charged."""

    first: tuple[int, datetime] | None = None
    last: tuple[int, datetime] | None = None

    def hear(self, percent: int, at: datetime) -> None:
        """Take a charge; a rise means that it was charged, and the trend begins anew."""
        if self.first is None or (self.last is not None and percent > self.last[0]):
            self.first = (percent, at)
        if self.last is None or percent != self.last[0]:
            self.last = (percent, at)

    def likely_empty(self, now: datetime) -> bool:
        """Say whether the battery must have run out by now if it went on as it did.

        False where no falling trend is known: then it is just as likely out of range.
        """
        if self.first is None or self.last is None:
            return False
        used = self.first[0] - self.last[0]
        if used < TREND_PERCENT:
            return False
        per_percent = (self.last[1] - self.first[1]) / used
        left: timedelta = per_percent * max(0, self.last[0] - LAST_PERCENT)
        return now >= self.last[1] + left
