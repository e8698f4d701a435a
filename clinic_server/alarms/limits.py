"""Guarded thresholds: what each may be, what is wise, what is used, and who says so.

A threshold is data, never configuration. The program refuses a value outside its absolute
bounds, and refuses to make an Emergency rule less sensitive than its default; it warns
outside the recommended bounds. Resolution goes site default -> diagnosis template ->
patient override; an override has a reason, an author and may have an expiry (those live in
`LimitOverride`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clinic_server.errors import Unprocessable


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold with its guard rails.

    Attributes
    ----------
    name : str
        Unit in the name.
    rules : str
        Rules that use it, for the page that explains a change.
    default : float
    absolute, recommended : tuple of float
        Lowest and highest value that is accepted, and that is wise.
    sensitive : int
        +1: a higher value raises more alarms; -1: a lower value does; 0: neither.
    emergency : bool
        It decides an Emergency rule: it may only move towards more alarms.
    source : str
        Where the default comes from.
    """

    name: str
    rules: str
    default: float
    absolute: tuple[float, float]
    recommended: tuple[float, float]
    sensitive: int
    emergency: bool
    source: str


_PROVINCE = "critical-value list for ambulatory ECG (Zhejiang, revised)"
_SHANXI = "critical-value list for ECG (Shanxi 2017)"
_MCOT = "event table of a mobile telemetry service"
_ST = "0.1 mV for one minute, of ambulatory ST analysis"
_OWN = "own proposal, stricter than the lists"
_DIGEST = "own proposal for the daily digest"

LIMITS: Mapping[str, Limit] = {
    limit.name: limit
    for limit in (
        Limit("vf_min_s", "E1", 3, (1, 6), (2, 4), -1, True, _PROVINCE),
        Limit("asystole_min_s", "E1", 6, (3, 8), (4, 6), -1, True, "common MDN value"),
        Limit("vt_sustained_s", "E2", 30, (5, 30), (15, 30), -1, True, _PROVINCE),
        Limit("vt_rate_bpm", "E2 U1", 100, (90, 120), (100, 120), -1, True, _MCOT),
        Limit("vt_fast_beats", "E2", 10, (5, 20), (8, 15), -1, True, _OWN),
        Limit("vt_fast_bpm", "E2", 150, (110, 180), (130, 160), -1, True, _PROVINCE),
        Limit("pvt_beats", "E2", 5, (3, 10), (4, 6), -1, True, _PROVINCE),
        Limit("pause_e_ms", "E3", 4000, (2500, 5000), (3000, 4000), -1, True, _PROVINCE),
        Limit("pause_repeat_n", "E3", 3, (2, 10), (2, 5), -1, True, _PROVINCE),
        Limit("pause_af_ms", "E3", 5000, (3000, 6000), (4000, 5000), -1, True, _PROVINCE),
        Limit("brady_e_bpm", "E4", 35, (25, 45), (30, 40), 1, True, _PROVINCE),
        Limit("brady_e_asleep_bpm", "E4", 30, (20, 40), (25, 35), 1, True, _OWN),
        Limit("brady_hold_s", "E4 U5 D1", 60, (20, 120), (30, 60), -1, True, _PROVINCE),
        Limit("svt_e_bpm", "E6", 180, (140, 220), (160, 200), -1, True, _SHANXI),
        Limit("svt_e_s", "E6", 30, (10, 60), (15, 30), -1, True, _SHANXI),
        Limit("st_elevation_mv", "E8", 0.1, (0.05, 0.2), (0.08, 0.15), -1, True, _PROVINCE),
        Limit(
            "st_elevation_v1_v3_mv",
            "E8",
            0.3,
            (0.1, 0.4),
            (0.2, 0.3),
            -1,
            True,
            _PROVINCE,
        ),
        Limit("qtc_e_ms", "E9", 550, (480, 600), (520, 550), -1, True, _PROVINCE),
        Limit("preexcited_rr_ms", "E7", 250, (200, 320), (240, 280), 1, True, _PROVINCE),
        Limit("nsvt_beats", "U1", 4, (3, 10), (3, 6), -1, False, _MCOT),
        Limit("af_min_s", "U2", 30, (20, 360), (30, 120), -1, False, "common value"),
        Limit("af_ectopy_share", "U2 U3", 0.15, (0.05, 0.5), (0.1, 0.25), 1, False, _OWN),
        Limit(
            "af_fast_bpm",
            "U3",
            120,
            (90, 160),
            (110, 130),
            -1,
            False,
            "AF guideline pattern",
        ),
        Limit("af_fast_min", "U3", 10, (2, 360), (5, 60), -1, False, _OWN),
        Limit("pause_u_ms", "U4 E3", 3000, (2000, 4000), (2500, 3500), -1, False, _MCOT),
        Limit("brady_u_bpm", "U5", 40, (30, 55), (35, 50), 1, False, _MCOT),
        Limit("tachy_u_bpm", "U6", 150, (100, 200), (120, 170), -1, False, _MCOT),
        Limit("tachy_any_bpm", "U6", 180, (150, 220), (160, 190), -1, False, _MCOT),
        Limit("tachy_hold_s", "U6 D1", 60, (20, 600), (30, 120), -1, False, _MCOT),
        Limit("pvc_per_min", "U10", 8, (2, 60), (5, 20), -1, False, _MCOT),
        Limit("pvc_minutes", "U10", 5, (1, 30), (3, 10), -1, False, _MCOT),
        Limit("couplets_per_h", "U10", 3, (1, 200), (3, 30), -1, False, _MCOT),
        Limit("st_depression_mv", "U8", 0.1, (0.05, 0.3), (0.1, 0.15), -1, False, _ST),
        Limit("st_hold_s", "E8 U8", 60, (30, 60), (60, 60), -1, True, _ST),
        Limit("qtc_u_ms", "U9", 500, (450, 560), (480, 500), -1, False, "common"),
        Limit("qtc_rise_ms", "U9", 60, (30, 120), (50, 60), -1, False, "common"),
        Limit("pause_d_ms", "D1", 2000, (1500, 3000), (2000, 2500), -1, False, _DIGEST),
        Limit("brady_d_bpm", "D1", 50, (40, 60), (45, 55), 1, False, _DIGEST),
        Limit("tachy_d_bpm", "D1", 120, (100, 150), (110, 130), -1, False, _DIGEST),
        Limit("pvc_day_n", "D1", 500, (20, 20_000), (200, 2_000), -1, False, _DIGEST),
        Limit("pvc_day_pct", "D1", 10, (1, 50), (5, 20), -1, False, _DIGEST),
        Limit("pacing_late_pct", "U11", 15, (5, 50), (10, 25), -1, False, _OWN),
        Limit("pacing_late_n", "U11", 3, (1, 20), (2, 5), -1, False, _OWN),
        Limit("svt_run_beats", "D1", 4, (3, 30), (3, 10), -1, False, _DIGEST),
        Limit("sleep_from_h", "E4 U5", 22, (18, 24), (20, 24), 0, False, _OWN),
        Limit("sleep_to_h", "E4 U5", 6, (3, 11), (5, 8), 0, False, _OWN),
        Limit("lead_off_min", "T2", 5, (1, 60), (3, 15), -1, False, _OWN),
        Limit("silence_low_min", "T1", 15, (1, 720), (10, 60), -1, False, _MCOT),
        Limit("silence_medium_min", "T1", 30, (4, 1440), (20, 120), -1, False, _MCOT),
        Limit("battery_patient_pct", "T3", 20, (5, 50), (15, 30), 1, False, _OWN),
        Limit("battery_desk_pct", "T3", 10, (3, 40), (8, 20), 1, False, _OWN),
        Limit("sbp_high_mmhg", "U12", 180, (120, 240), (160, 200), -1, False, "common"),
        Limit("sbp_low_mmhg", "U12", 90, (60, 120), (80, 100), 1, False, "common"),
        Limit("spo2_low_pct", "U12", 90, (70, 96), (85, 93), 1, False, "common"),
        Limit("glucose_low_mmol_l", "U12", 3.9, (2, 6), (3.5, 4.5), 1, False, "common"),
        Limit("weight_gain_kg", "U12", 2, (0.5, 5), (1, 2.5), -1, False, "common"),
        Limit("glucose_high_mmol_l", "U12", 16.7, (8, 33), (13, 20), -1, False, "common"),
    )
}

TEMPLATES: Mapping[str, Mapping[str, float]] = {
    "default": {},
    "known_af": {"af_fast_bpm": 110},
    "after_infarction": {"vt_fast_beats": 8, "pvc_per_min": 6},
    "long_qt": {"pvt_beats": 4, "vt_fast_beats": 6, "nsvt_beats": 3},
}
"""Diagnosis templates: only what differs from the default, and only towards more alarms."""


class Limits:
    """The thresholds in force for one patient: read with ``limits["pause_e_ms"]``.

    Parameters
    ----------
    values : mapping of str to float, optional
        What differs from the defaults. Already checked.
    """

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        self._values = {name: limit.default for name, limit in LIMITS.items()}
        self._values |= dict(values or {})

    def __getitem__(self, name: str) -> float:
        """Return a threshold; an unknown name is a programmer's mistake (KeyError)."""
        return self._values[name]

    def changed(self) -> dict[str, float]:
        """Return what differs from the defaults."""
        return {n: v for n, v in self._values.items() if v != LIMITS[n].default}


def check(name: str, value: float) -> tuple[str, ...]:
    """Judge a proposed threshold.

    Parameters
    ----------
    name : str
        Of `LIMITS`.
    value : float
        In the unit of the name.

    Returns
    -------
    tuple of str
        Codes of warnings: ``alarms.limit_not_recommended``. Empty: nothing to say.

    Raises
    ------
    Unprocessable
        ``alarms.limit_unknown``, ``alarms.limit_absolute`` or, for a rule of tier E that
        would raise less than by default, ``alarms.limit_less_sensitive``.
    """
    limit = LIMITS.get(name)
    if limit is None:
        raise Unprocessable("alarms.limit_unknown", name=name)
    low, high = limit.absolute
    if not low <= value <= high:
        raise Unprocessable("alarms.limit_absolute", name=name, low=low, high=high)
    if limit.emergency and (value - limit.default) * limit.sensitive < 0:
        raise Unprocessable("alarms.limit_less_sensitive", name=name, value=limit.default)
    low, high = limit.recommended
    return () if low <= value <= high else ("alarms.limit_not_recommended",)


def resolve(
    template: str | Sequence[str] = (),
    site: Iterable[tuple[str, float]] = (),
    patient: Iterable[tuple[str, float]] = (),
) -> Limits:
    """Combine default, site, diagnosis template and patient override, in this order.

    Parameters
    ----------
    template : str or sequence of str
        Of `TEMPLATES`; a later one goes before an earlier, an unknown one says nothing.
    site, patient : iterable of (name, value)
        Overrides in force. A stored one that the guard rails no longer allow (they may
        have been tightened since) is left out, never applied.
    """
    values: dict[str, float] = {}
    names = (template,) if isinstance(template, str) else template
    chosen = [row for name in names for row in TEMPLATES.get(name, {}).items()]
    for name, value in (*site, *chosen, *patient):
        try:
            check(name, value)
        except Unprocessable:
            continue
        values[name] = value
    return Limits(values)
