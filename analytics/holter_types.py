"""What the 24-hour report holds: one frozen dataclass per section, JSON-able.

Sections are numbered as in the clinical definition of the report (1-16, 19, 22, 23).
A number that could not be assessed is None, and ``HolterReport.reasons`` says why under
its path (``"hrv_time"``, ``"qt.qtc_median_ms"``); texts are made where a person reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from analytics.holter_json import Json, plain
from analytics.holter_values import (
    Capacity,
    HrvFrequency,
    HrvTime,
    Moment,
    Poincare,
    QtSummary,
    Reason,
    StSummary,
    Turbulence,
)
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Rhythm

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Section 1: what was recorded and what could be used."""

    fs: float
    lead_names: tuple[str, ...]
    lead_analysed: str
    """The lead in which the beats were found."""
    start_at: datetime | None
    end_at: datetime | None
    recorded_s: float
    analysable_s: float
    """recorded - (noise X + lead off + gaps)."""
    analysable_pct: float
    gap_s: float
    lead_off_s: float
    noise_s: float
    grade_s: Mapping[str, float]
    """Seconds by grade A, B, C, X; gaps count as X."""
    cause_s: Mapping[str, float]
    """Seconds by `analytics.vocabulary.NoiseCause`."""
    full_day: bool
    """At least 18 h analysable."""


@dataclass(frozen=True, slots=True)
class RhythmShare:
    """Part of the analysable time in one group: sinus, af, paced or other."""

    group: str
    seconds: float
    pct: float


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One rhythm episode."""

    rhythm: Rhythm
    onset: Moment
    duration_s: float
    beats: int
    mean_bpm: float | None
    confidence: float
    evidence: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RhythmSummary:
    """Section 2: basic rhythm, shares of time, episodes."""

    basic: Rhythm
    shares: tuple[RhythmShare, ...]
    episodes: tuple[EpisodeRow, ...]
    """Longest first within a rhythm; at most ``episodes_kept`` per rhythm."""
    episode_counts: Mapping[str, int]
    episode_seconds: Mapping[str, float]
    episodes_kept: int


@dataclass(frozen=True, slots=True)
class RateExtreme:
    """Mean of 8 consecutive RR at its lowest or highest."""

    bpm: float
    at: Moment


@dataclass(frozen=True, slots=True)
class HeartRate:
    """Section 3."""

    total_beats: int
    mean_bpm: float | None
    """60 x beats / analysable seconds."""
    min: RateExtreme | None
    max: RateExtreme | None
    pauses_in_min: bool
    """Whether the lowest rate may contain a pause of 2 s or more."""
    day_mean_bpm: float | None
    """06:00 to 22:00 local time."""
    night_mean_bpm: float | None
    circadian_index: float | None
    """Day mean / night mean."""
    over_100_s: float
    under_60_s: float
    under_50_s: float
    under_40_s: float


@dataclass(frozen=True, slots=True)
class HourRow:
    """One clock hour (or hour of recording when there is no clock)."""

    starts: Moment
    recorded_s: float
    analysable_s: float
    beats: int
    mean_bpm: float | None
    min_bpm: float | None
    max_bpm: float | None
    v: int
    v_couplets: int
    v_runs: int
    s: int
    s_couplets: int
    s_runs: int
    pauses: int
    longest_rr_ms: float | None
    af_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """Three or more ectopic beats in a row."""

    onset: Moment
    beats: int
    duration_s: float
    """First to last beat of the run."""
    bpm: float
    """60 x (beats - 1) / sum of the RR inside the run."""
    kind: str
    """``vt_nonsustained``, ``vt_sustained``, ``aivr``, ``svt`` or ``atrial_run``."""


@dataclass(frozen=True, slots=True)
class Ectopy:
    """Sections 4 and 5: one kind of ectopic beat."""

    count: int
    per_hour: float | None
    """Per analysable hour."""
    burden_pct: float | None
    """Count / total beats x 100."""
    isolated: int
    couplets: int
    triplets: int
    """Runs of exactly 3."""
    short_runs: int
    """3 to 5 beats (EC57)."""
    long_runs: int
    """6 beats or more (EC57)."""
    runs: int
    """3 beats or more."""
    beats_in_runs: int
    tachycardias: int
    """Runs above 100 bpm (VT or SVT)."""
    sustained: int
    """Of these, lasting 30 s or more."""
    slow_runs: int
    """Runs at 100 bpm or less (AIVR, or atrial rhythm)."""
    bigeminy_episodes: int
    bigeminy_beats: int
    trigeminy_episodes: int
    trigeminy_beats: int
    fastest: Run | None
    longest: Run | None
    second_longest: Run | None
    fastest_by_kind: Mapping[str, Run]
    """By `Run.kind`."""
    longest_by_kind: Mapping[str, Run]
    max_per_hour: int
    max_per_minute: int
    coupling_mean_ms: float | None
    coupling_sd_ms: float | None
    flags: tuple[str, ...]
    """``over_100_per_24h``, ``frequent``, ``high`` (V); ``over_100_per_24h`` (S)."""


@dataclass(frozen=True, slots=True)
class VentricularExtras:
    """Section 4, what only ventricular beats have."""

    morphologies: int
    """Templates of at least 3 V beats."""
    r_on_t: int
    r_on_t_method: str
    """``t_end`` (measured) or ``coupling`` (below 0.43 of the RR before; flagged)."""
    interpolated: int
    fusion: int


@dataclass(frozen=True, slots=True)
class SupraventricularExtras:
    """Section 5, what only supraventricular beats have."""

    aberrant: int
    """S beats with a wide QRS; not counted as V."""
    premature_setting_pct: float
    below_setting: int
    """S beats less premature than the setting: called S for another reason."""


@dataclass(frozen=True, slots=True)
class AtrialFibrillation:
    """Section 6: fibrillation and flutter of 30 s or more."""

    episodes: int
    total_s: float
    burden_pct: float | None
    """Episode seconds / analysable seconds x 100."""
    longest_s: float | None
    longest_onset: Moment | None
    first_onset: Moment | None
    mean_bpm: float | None
    min_bpm: float | None
    max_bpm: float | None
    conversion_pause_ms: float | None
    """Longest RR that ends an episode."""
    conversion_pause_at: Moment | None
    flutter_s: float
    flutter_episodes: int


@dataclass(frozen=True, slots=True)
class Pause:
    """One RR of 2 s or more between accepted beats."""

    at: Moment
    """The beat before."""
    rr_ms: float
    cause: str
    """``sinus_arrest``, ``sa_block``, ``av_block``, ``post_ectopic``, ``in_af`` or
    ``conversion``."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Section 7, pauses."""

    count: int
    """Outside atrial fibrillation."""
    bins: Mapping[str, int]
    """``2.0-2.49``, ``2.5-2.99``, ``3.0-3.99``, ``>=4.0`` s, outside AF."""
    in_af: Mapping[str, int]
    """``>=2.5`` and ``>=5.0`` s, in AF."""
    longest: Pause | None
    """Of all, in AF or not."""
    longest_ones: tuple[Pause, ...]
    causes: Mapping[str, int]
    artefacts_rejected: int
    """Stretches of 2 s without an accepted beat that noise or a gap explains."""


@dataclass(frozen=True, slots=True)
class Conduction:
    """Section 7, conduction; block that only one lead shows is "possible"."""

    pr_median_ms: float | None
    pr_p05_ms: float | None
    pr_p95_ms: float | None
    first_degree_pct: float | None
    """Share of measured stretches with PR above 200 ms."""
    second_degree_episodes: int
    third_degree_episodes: int
    possible_only: bool
    qrs_median_ms: float | None


@dataclass(frozen=True, slots=True)
class Pacing:
    """Section 15."""

    paced_beats: int
    paced_pct: float
    min_rate_bpm: float | None
    """Rate of the longest usual interval between paced beats (their 95th percentile)."""
    pulses: int | None = None
    """Pacing pulses seen; None where the recording is too slow to hold them."""
    not_captured: int | None = None
    """Pulses at the escape interval that no complex followed."""
    captured_pct: float | None = None
    natural_before_pulse: int | None = None
    """Natural beats after which a pulse came next."""
    not_sensed: int | None = None
    """Of these, followed by a pulse sooner than three quarters of the escape interval."""
    sensed_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Symptom:
    """A mark the patient made (input)."""

    sample: int
    kind: str
    """Code: ``button``, ``palpitation``, ``syncope`` …"""
    note: str = ""


@dataclass(frozen=True, slots=True)
class SymptomFinding:
    """Section 16: what the ECG showed around a mark (45 s on each side)."""

    at: Moment
    kind: str
    note: str
    rhythm: Rhythm
    mean_bpm: float | None
    v: int
    s: int
    analysable: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A shape of beat and how often it came."""

    aami: str
    beats: int
    first: Moment
    wave_mv: tuple[float, ...]
    """Mean of its beats, 100 per second, R at ``r_index``."""
    r_index: int


@dataclass(frozen=True, slots=True)
class Strip:
    """Section 19: a place worth printing."""

    kind: str
    """``min_rate``, ``max_rate``, ``longest_rr``, ``v_run_fastest`` …"""
    rank: int
    first_sample: int
    end_sample: int
    centre: Moment
    value: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One statement of the conclusion; the text is made from code and numbers only."""

    code: str
    params: Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Passport:
    """Section 23: what made these numbers."""

    algorithm_version: str
    schema: int
    beats: int
    """Accepted beats, the total of every share."""
    beats_rejected: int
    """Detected in grade X signal or ventricular fibrillation, and not counted."""
    by_class: Mapping[str, int]
    human_edited_pct: float
    excluded_s: float
    limits: tuple[str, ...]
    """Codes of known limits, e.g. ``single_lead_no_ischaemia``."""
    settings: Mapping[str, float | int | str | bool]


@dataclass(frozen=True, slots=True)
class HolterReport:
    """The whole analysis of one recording."""

    coverage: Coverage
    rhythm: RhythmSummary
    heart_rate: HeartRate
    hourly: tuple[HourRow, ...]
    ventricular: Ectopy
    ventricular_extras: VentricularExtras
    supraventricular: Ectopy
    supraventricular_extras: SupraventricularExtras
    af: AtrialFibrillation
    pauses: Pauses
    conduction: Conduction
    st: StSummary | None
    qt: QtSummary | None
    hrv_time: HrvTime | None
    hrv_frequency: HrvFrequency | None
    poincare: Poincare | None
    turbulence: Turbulence | None
    capacity: Capacity | None
    pacing: Pacing
    symptoms: tuple[SymptomFinding, ...]
    symptoms_in_sinus: int
    templates: tuple[Template, ...]
    strips: tuple[Strip, ...]
    conclusions: tuple[Sentence, ...]
    passport: Passport
    reasons: Mapping[str, Reason]
    beats: tuple[Beat, ...] = field(repr=False, metadata={"json": False})
    quality: tuple[QualityWindow, ...] = field(repr=False, metadata={"json": False})
    episodes: tuple[Episode, ...] = field(repr=False, metadata={"json": False})

    def to_json(self) -> dict[str, Json]:
        """Give the report as plain JSON values, without the beat, grade and episode lists.

        Returns
        -------
        dict
            Only dict, list, str, int, float, bool and None; times are ISO 8601 with
            zone; NaN never occurs.
        """
        answer = plain(self)
        if not isinstance(answer, dict):  # pragma: no cover - a dataclass gives a dict
            raise TypeError
        return answer
