"""How long a patch's battery will last, foretold from what was used so far."""

from datetime import datetime


class BatteryForecast:
    """Remembers the first charge that was heard."""

    def __init__(self) -> None:
        self._first: tuple[int, datetime] | None = None

    def hear(self, percent: int | None, at: datetime) -> None:
        """Take a charge; only the first one counts."""
        if percent is not None and self._first is None:
            self._first = (percent, at)

    def days(self, percent: int | None, now: datetime) -> int | None:
        """Return whole days that are left; None while too little was used to tell."""
        if percent is None or self._first is None:
            return None
        first_percent, first_at = self._first
        used = first_percent - percent
        if used < 2:
            return None
        per_percent_s = (now - first_at).total_seconds() / used
        return int(percent * per_percent_s // 86_400)
