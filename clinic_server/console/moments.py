"""Times for pages: milliseconds for scripts, seconds of the day for events."""

from datetime import datetime
from typing import overload
from zoneinfo import ZoneInfo


@overload
def epoch_ms(at: datetime) -> int: ...
@overload
def epoch_ms(at: None) -> None: ...
def epoch_ms(at: datetime | None) -> int | None:
    """Milliseconds since 1970, as scripts count time."""
    return None if at is None else round(at.timestamp() * 1000)


def to_second(at: datetime, zone: ZoneInfo) -> str:
    """Say the time of an event: ``03:12:41``."""
    return f"{at.astimezone(zone):%H:%M:%S}"
