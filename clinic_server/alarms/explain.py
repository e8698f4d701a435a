"""Why an alarm fired, and why it may be wrong: codes with measured values, at most four."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clinic_server.alarms.models import Alarm


@dataclass(frozen=True, slots=True)
class Reason:
    """One line: a key of the locale files and its values."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


def _percent(value: Any) -> int:
    return round(100 * float(value))


def why(alarm: Alarm) -> list[Reason]:
    """Say what was measured."""
    seen = dict(alarm.evidence) | dict(alarm.params)
    lines: list[Reason] = []
    if "beats" in seen and "rate_bpm" in seen:
        numbers = {"beats": round(seen["beats"]), "rate_bpm": round(seen["rate_bpm"])}
        lines.append(Reason("alarms.why_beats", numbers))
    elif "rate_bpm" in seen:
        lines.append(Reason("alarms.why_rate", {"rate_bpm": round(seen["rate_bpm"])}))
    if "wide" in seen:
        lines.append(Reason("alarms.why_wide", {"percent": _percent(seen["wide"])}))
    if "gap_s" in seen:
        numbers = {
            "seconds": round(float(seen["gap_s"]), 1),
            "percent": _percent(seen.get("contact", 0.0)),
        }
        lines.append(Reason("alarms.why_gap", numbers))
    if "rr_ms" in seen:
        lines.append(Reason("alarms.why_rr", {"rr_ms": round(seen["rr_ms"])}))
    if "fibrillation" in seen:
        seconds = round(float(seen.get("duration_s", 0.0)))
        lines.append(Reason("alarms.why_waveform", {"seconds": seconds}))
    elif "rr_irregularity" in seen:
        percent = _percent(seen["rr_irregularity"])
        lines.append(Reason("alarms.why_irregular", {"percent": percent}))
    if "st_mv" in seen:
        lines.append(Reason("alarms.why_st", {"mv": round(abs(seen["st_mv"]), 2)}))
    if "qtc_ms" in seen:
        lines.append(Reason("alarms.why_qtc", {"qtc_ms": round(seen["qtc_ms"])}))
    if "p_evidence" in seen:
        percent = _percent(seen["p_evidence"])
        lines.append(Reason("alarms.why_p", {"percent": percent}))
    if "count" in seen or "per_min" in seen:
        lines.append(Reason("alarms.why_count", {"rule": alarm.rule}))
    if "place" in seen:
        lines.append(Reason("diary.said_place", _place(seen["place"])))
    lines += [Reason(f"diary.said_{symptom}") for symptom in seen.get("symptoms", [])]
    return lines[:4]


def _place(place: Mapping[str, float]) -> dict[str, str]:
    return {
        "latitude": f"{place['latitude']:.5f}",
        "longitude": f"{place['longitude']:.5f}",
        "metres": str(round(place["accuracy_m"])),
    }


_DOUBTS: Mapping[str, tuple[str, ...]] = {
    "alarms.vf": ("alarms.doubt_motion", "alarms.doubt_electrode"),
    "alarms.vt": ("alarms.doubt_aberrancy", "alarms.doubt_motion"),
    "alarms.pvt": ("alarms.doubt_aberrancy", "alarms.doubt_motion"),
    "alarms.nsvt": ("alarms.doubt_aberrancy", "alarms.doubt_motion"),
    "alarms.asystole": ("alarms.doubt_electrode", "alarms.doubt_missed"),
    "alarms.pause": ("alarms.doubt_missed", "alarms.doubt_electrode"),
    "alarms.pause_short": ("alarms.doubt_missed",),
    "alarms.brady": ("alarms.doubt_missed",),
    "alarms.tachy": ("alarms.doubt_t_wave", "alarms.doubt_motion"),
    "alarms.svt_fast": ("alarms.doubt_t_wave", "alarms.doubt_motion"),
    "alarms.preexcited_af": ("alarms.doubt_aberrancy",),
    "alarms.pvc_burst": ("alarms.doubt_aberrancy", "alarms.doubt_motion"),
    "alarms.couplets": ("alarms.doubt_aberrancy",),
    "alarms.r_on_t": ("alarms.doubt_aberrancy", "alarms.doubt_motion"),
    "alarms.st_depression": ("alarms.doubt_position", "alarms.doubt_conduction"),
    "alarms.st_elevation": ("alarms.doubt_position", "alarms.doubt_conduction"),
    "alarms.st_possible": ("alarms.doubt_position", "alarms.doubt_conduction"),
    "alarms.long_qt": ("alarms.doubt_t_end",),
    "alarms.long_qt_ectopy": ("alarms.doubt_t_end",),
    "alarms.block_second": ("alarms.doubt_p_wave", "alarms.doubt_blocked_early"),
    "alarms.block_third": ("alarms.doubt_p_wave",),
    "alarms.block_high": ("alarms.doubt_p_wave", "alarms.doubt_blocked_early"),
    "alarms.pacing_late": ("alarms.doubt_missed", "alarms.doubt_hysteresis"),
}


def why_not(alarm: Alarm) -> list[Reason]:
    """Say what speaks against it, as far as one lead and the signal tell."""
    seen = dict(alarm.evidence)
    lines: list[Reason] = []
    if "late_s" in seen:
        lines.append(Reason("alarms.doubt_late", {"seconds": round(seen["late_s"])}))
    if float(seen.get("confidence", 1.0)) < 0.9:
        percent = _percent(seen["confidence"])
        lines.append(Reason("alarms.doubt_confidence", {"percent": percent}))
    if "ectopy_share" in seen:
        percent = _percent(seen["ectopy_share"])
        lines.append(Reason("alarms.doubt_ectopy", {"percent": percent}))
    lines += [Reason(code) for code in _DOUBTS.get(alarm.code, ())]
    if alarm.onset_sample is not None and alarm.code in _DOUBTS:
        lines.append(Reason("alarms.doubt_one_lead"))
    return lines[:4]
