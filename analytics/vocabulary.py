"""The field's words as codes: beats, rhythms, signal grades.

``docs/vocabulary.md`` is generated from this file.
"""

from enum import StrEnum


class Aami(StrEnum):
    """Beat classes of ANSI/AAMI EC57."""

    N = "N"
    """Any beat that is not S, V, F or Q (so also bundle branch block and escape)."""
    S = "S"
    """Supraventricular ectopic."""
    V = "V"
    """Ventricular ectopic."""
    F = "F"
    """Fusion of ventricular and normal."""
    Q = "Q"
    """Unclassifiable."""
    PACED = "/"
    """Paced: kept apart; EC57 counts it as Q."""


class Rhythm(StrEnum):
    """WFDB rhythm strings without the bracket; ours are marked (own)."""

    N = "N"
    """Sinus rhythm."""
    SBR = "SBR"
    """Sinus bradycardia."""
    STACH = "STACH"
    """Sinus tachycardia (own)."""
    SARRH = "SARRH"
    """Sinus arrhythmia (own)."""
    AFIB = "AFIB"
    """Atrial fibrillation."""
    AFL = "AFL"
    """Atrial flutter."""
    SVTA = "SVTA"
    """Supraventricular tachyarrhythmia."""
    VT = "VT"
    """Ventricular tachycardia, run of three or more above 100 bpm."""
    PVT = "PVT"
    """Polymorphic ventricular tachycardia (own)."""
    VFIB = "VFIB"
    """Ventricular fibrillation."""
    VFL = "VFL"
    """Ventricular flutter."""
    IVR = "IVR"
    """Idioventricular rhythm, 100 bpm or less."""
    ASYS = "ASYS"
    """Asystole: no beat, contact proven."""
    PAUSE = "PAUSE"
    """RR of 2 s or more between accepted beats (own)."""
    B = "B"
    """Ventricular bigeminy."""
    T = "T"
    """Ventricular trigeminy."""
    COUPLET = "COUPLET"
    """Exactly two V in a row (own)."""
    SVCOUPLET = "SVCOUPLET"
    """Exactly two S in a row (own)."""
    AVB1 = "AVB1"
    """First-degree AV block (own)."""
    BII = "BII"
    """Second-degree AV block."""
    AVB3 = "AVB3"
    """Third-degree AV block (own)."""
    P = "P"
    """Paced rhythm."""
    BRADY = "BRADY"
    """Slow rate, origin not said (own; live stream)."""
    TACHY = "TACHY"
    """Fast rate, origin not said (own; live stream)."""
    NOISE = "NOISE"
    """Not analysable."""


class Grade(StrEnum):
    """Signal grade of a 10-s window."""

    A = "A"
    """Clean: beats, intervals and P evidence."""
    B = "B"
    """Beats can be trusted, waves cannot."""
    C = "C"
    """Beats are doubtful: no rule may rest on it."""
    X = "X"
    """Not analysable: flat, clipped, lead off or noise."""


class NoiseCause(StrEnum):
    """Why a window is not grade A."""

    FLAT = "flat"
    CLIPPED = "clipped"
    LEAD_OFF = "lead_off"
    MOTION = "electrode_motion"
    MUSCLE = "muscle"
    BASELINE = "baseline"
    MAINS = "mains"
    GAP = "gap"
    READER = "reader"
    """Excluded by a person who read the recording (own)."""
