"""When a session may not start, when it must stop, and the target zone: as data.

The figures follow the Chinese consensus papers on exercise of patients with coronary
disease (2015, 2020) and are a starting point; the prescription of a physician decides.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Thresholds of a session; units in the names."""

    rest_high_bpm: int = 120
    rest_low_bpm: int = 50
    systolic_high_mmhg: int = 180
    diastolic_high_mmhg: int = 100
    systolic_low_mmhg: int = 90
    good_share: float = 0.67
    """Share of the resting minute that must be countable."""
    stop_far_bpm: int = 20
    stop_after_s: int = 60
    stop_borg: int = 17
    rpe_low: int = 11
    rpe_high: int = 16
    """Perceived effort to train at, Borg 6 to 20; 17 stops."""
    stop_spo2_pct: int = 88
    stop_drop_mmhg: int = 10
    stop_rhythms: tuple[str, ...] = ("VT", "PVT", "VFIB", "VFL")
    """Runs of three ventricular beats and more, above 100 bpm."""
    stop_rhythms_new: tuple[str, ...] = ("AFIB", "AFL")
    """Only for those who do not have them anyway."""
    untested_low_bpm: int = 20
    """Without a stress test: resting rate plus this …"""
    untested_high_bpm: int = 30
    """… to plus this."""


LIMITS = SessionLimits()


def target_zone(
    rest_bpm: int,
    max_bpm: int | None,
    low_pct: int,
    high_pct: int,
    limits: SessionLimits = LIMITS,
) -> tuple[int, int]:
    """Give the heart-rate zone to train in.

    Parameters
    ----------
    rest_bpm : int
        Of the resting minute.
    max_bpm : int or None
        Reached in the stress test.
    low_pct, high_pct : int
        Share of the heart-rate reserve, Karvonen (Ann Med Exp Biol Fenn 1957;35:307).

    Returns
    -------
    tuple of int
        Lower and upper limit in bpm.
    """
    if max_bpm is None or max_bpm <= rest_bpm:
        return rest_bpm + limits.untested_low_bpm, rest_bpm + limits.untested_high_bpm
    reserve = max_bpm - rest_bpm
    return (
        rest_bpm + round(reserve * low_pct / 100),
        rest_bpm + round(reserve * high_pct / 100),
    )
