"""Bounds of what a phone may claim, so that arithmetic on it cannot fail later."""

from datetime import datetime, timedelta

FARTHEST = timedelta(days=400)
"""A clock farther off is broken; calendars overflow long after that."""
LONGEST_RECORDING_S = 400 * 86400


def is_plausible(at: datetime, now: datetime) -> bool:
    """Whether a time can be meant: within 400 days of now."""
    return now - FARTHEST <= at <= now + FARTHEST
