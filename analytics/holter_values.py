"""Measured values of the report: ST, QT, variability, turbulence; and why one is missing.

The functions of `analytics.st`, `qt`, `hrv` and `turbulence` answer with these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why a number is missing."""

    NO_SIGNAL = "no_signal"
    """Nothing analysable."""
    TOO_SHORT = "too_short"
    """Not enough analysable time for the definition."""
    TOO_FEW_BEATS = "too_few_beats"
    NOT_SINUS = "not_sinus"
    """Atrial fibrillation, pacing or ectopy for too much of the time."""
    NO_CLEAN_STRETCH = "no_clean_stretch"
    """No steady grade-A stretch for interval measurement."""
    WIDE_QRS = "wide_qrs"
    """QRS above 120 ms: QTc is not graded."""
    SINGLE_LEAD = "single_lead"
    NEEDS_P_EVIDENCE = "needs_p_evidence"
    NEEDS_PACE_MARKS = "needs_pace_marks"
    """Capture and sensing need the pacing spikes, which the recording does not mark."""
    NO_CLOCK = "no_clock"
    """Local time of day unknown: no day and night."""
    NO_VENTRICULAR_BEATS = "no_ventricular_beats"
    TOO_FEW_VENTRICULAR_BEATS = "too_few_ventricular_beats"
    NONE_FOUND = "none_found"
    """Nothing of the kind occurred, so it has no extreme, mean or first time."""


@dataclass(frozen=True, slots=True)
class NotAssessable:
    """Answer of a measuring function that could not measure."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the recording."""

    sample: int
    elapsed_s: float
    at: datetime | None
    """Aware; None when the recording has no clock."""


@dataclass(frozen=True, slots=True)
class StEpisode:
    """At least 0.1 mV away from the reference for at least 60 s."""

    lead: str
    onset: Moment
    duration_s: float
    direction: str
    """``depression`` or ``elevation``."""
    max_delta_mv: float
    """Signed, at the extreme."""
    max_at: Moment
    slope_mv_per_s: float | None
    """ST slope at the extreme, from J to the point of measurement."""
    onset_bpm: float | None
    burden_mv_min: float
    """Integral of the absolute deviation."""
    position_change_suspected: bool


@dataclass(frozen=True, slots=True)
class StLead:
    """One lead's ST level."""

    lead: str
    reference_mv: float
    median_delta_mv: float
    max_elevation_mv: float
    max_depression_mv: float
    burden_mv_min: float


@dataclass(frozen=True, slots=True)
class StSummary:
    """Section 8."""

    point: str
    """``J+60`` or ``J+80``."""
    reference: str
    """``first_stable_300_s`` or ``first_30_s``."""
    leads: tuple[StLead, ...]
    episodes: tuple[StEpisode, ...]
    statement_allowed: bool
    """False with a single lead: levels are shown, ischaemia is not spoken of."""


@dataclass(frozen=True, slots=True)
class QtSummary:
    """Section 9; medians over graded 30-s stretches."""

    stretches: int
    graded: int
    """In steady stretches of 60 s or more at 50 to 100 bpm."""
    qt_median_ms: float
    qrs_median_ms: float
    jt_median_ms: float
    qtc_median_ms: Mapping[str, float] | None
    """By formula: bazett, fridericia, framingham, hodges; None when QRS > 120 ms."""
    formula: str
    """The formula of the next four."""
    qtc_max_hourly_ms: float | None
    share_450_pct: float | None
    share_460_pct: float | None
    share_500_pct: float | None
    qt_rr_slope_day: float | None
    """ms per ms."""
    qt_rr_slope_night: float | None


@dataclass(frozen=True, slots=True)
class HrvTime:
    """Section 10; normal-to-normal intervals only."""

    nn_count: int
    whole_day: bool
    """At least 18 h analysable: 24-h cut-offs may be shown."""
    mean_nn_ms: float
    sdnn_ms: float
    sdann_ms: float | None
    sdnn_index_ms: float | None
    rmssd_ms: float | None
    sdsd_ms: float | None
    pnn50_pct: float | None
    triangular_index: float
    segments_valid: int
    """5-min segments with at least 80 % NN."""


@dataclass(frozen=True, slots=True)
class HrvFrequency:
    """Section 11; means of 5-min windows, ULF from the whole recording."""

    windows: int
    ulf_ms2: float | None
    vlf_ms2: float
    lf_ms2: float
    hf_ms2: float
    total_ms2: float
    """VLF + LF + HF of the 5-min windows."""
    lf_nu: float | None
    hf_nu: float | None
    lf_hf: float | None


@dataclass(frozen=True, slots=True)
class Poincare:
    """Section 12."""

    sd1_ms: float
    sd2_ms: float
    points: tuple[tuple[int, int, str], ...]
    """(RR, next RR) in ms and the class of the beat between them, evenly thinned."""
    points_of: int
    """How many there were before thinning."""
    rr_histogram: tuple[int, ...]
    """Counts per 8 ms from 0."""
    drr_histogram: tuple[int, ...]
    """Counts per 8 ms, from -1000 to 1000 ms."""


@dataclass(frozen=True, slots=True)
class Turbulence:
    """Section 13."""

    beats_used: int
    onset_pct: float
    slope_ms_per_rr: float
    category: int
    """HRT 0, 1 or 2: how many of the two are abnormal."""
    tachogram_ms: tuple[float, ...]
    """Averaged: two RR before, coupling, pause, 15 after."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Section 14."""

    dc_ms: float
    ac_ms: float
    risk: str
    """``high`` (<= 2.5 ms), ``medium`` (<= 4.5) or ``low``, from DC."""
    anchors: int
