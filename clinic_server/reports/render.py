"""Put one report together in one language: patient, numbers, strips, alarms, signatures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlmodel import Session

from clinic_server.alarms import standing
from clinic_server.i18n import t
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording
from clinic_server.reports import strips as strips_of
from clinic_server.reports.comparison import compare
from clinic_server.reports.document import (
    Document,
    Say,
    Section,
    StripDrawing,
    Table,
    TrendHour,
)
from clinic_server.reports.models import Report
from clinic_server.reports.sections import all_sections
from clinic_server.reports.service import previous_signed
from clinic_server.staff import service as staff_service


def document(session: Session, report: Report, locale: str, zone: ZoneInfo) -> Document:
    """Make the document of one report version.

    Parameters
    ----------
    session : Session
    report : Report
    locale : str
    zone : ZoneInfo
        The clinic's zone.

    Returns
    -------
    Document
        What both the page and the PDF print.
    """
    recording = recordings.recording_by_id(session, report.recording_id)
    patient = patients.patient_of_record(session, report.patient_id)
    result = report.result
    say = Say(locale, zone, result["reasons"])
    parts = Parts(
        state=say.t(f"state.{report.state}", version=report.version),
        number=say.t("number", number=f"R-{report.created_at:%Y}-{report.id:06d}"),
        draft=report.state == "draft",
        head=_head(say, patient, recording, result, report.created_at),
        alarms=_alarms(session, say, recording),
        comparison=_comparison(session, say, report),
        note=report.conclusion,
        strips=_strips(session, say, recording, result),
        signatures=_signatures(session, say, report),
        sha256=report.sha256,
    )
    return compose(say, result, parts)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a report has beside the numbers of the analysis."""

    state: str
    number: str
    draft: bool
    head: list[tuple[str, str]]
    strips: list[StripDrawing]
    signatures: list[tuple[str, str, str]]
    alarms: Section | None = None
    comparison: Section | None = None
    note: str = ""
    sha256: str = ""


def compose(say: Say, result: dict[str, Any], parts: Parts) -> Document:
    """Lay the sections of an analysis and the rest of a report into one document.

    Parameters
    ----------
    say : Say
    result : dict
        `HolterReport.to_json`.
    parts : Parts

    Returns
    -------
    Document
    """
    sections = all_sections(say, result)
    if parts.alarms is not None:
        sections.insert(6, parts.alarms)
    if parts.comparison is not None:
        sections.append(parts.comparison)
    passport = result["passport"]
    return Document(
        lang="zh" if say.locale == "zh_CN" else "en",
        title=say.t("title"),
        state=parts.state,
        number=parts.number,
        draft=parts.draft,
        head=parts.head,
        banner="" if result["coverage"]["full_day"] else say.t("not_full_day"),
        conclusion_title=say.t("section.conclusion"),
        conclusion=[say.sentence(one) for one in result["conclusions"]],
        note_title=say.t("section.note"),
        note=parts.note,
        trend_title=say.t("section.trend"),
        trend=_trend(say, result),
        sections=sections,
        strips_title=say.t("section.strips"),
        scale=say.t("scale"),
        strips=parts.strips,
        signatures=parts.signatures,
        hash_label=say.t("sign.hash"),
        hash=parts.sha256,
        algorithm=say.t(
            "sign.algorithm",
            version=passport["algorithm_version"],
            edited=say.number(passport["human_edited_pct"], 1),
        ),
        footer=say.t("footer"),
        page_of=say.t("page", n="{n}", total="{total}"),
    )


def _head(
    say: Say, patient: Patient, recording: Recording, result: dict[str, Any], on: datetime
) -> list[tuple[str, str]]:
    sex = say.t("head.female" if patient.sex == "F" else "head.male")
    today, born = on.astimezone(say.zone).date(), patient.born_on
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    coverage = result["coverage"]
    none = say.t("head.none")
    values = {
        "name": patient.name,
        "sex_age": say.t("head.age", sex=sex, years=years),
        "mrn": patient.mrn,
        "indication": patient.procedure or patient.diagnosis or none,
        "pacemaker": say.t("head.yes" if patient.has_pacemaker else "head.no"),
        "device": recording.serial,
        "recorded": say.t(
            "head.span",
            start=say.stamp(recordings.sample_time(recording, 0))[5:],
            span=say.span(coverage["recorded_s"]),
        ),
        "analysable": say.t(
            "head.used",
            span=say.span(coverage["analysable_s"]),
            pct=say.number(coverage["analysable_pct"], 1),
        ),
        "leads": say.t(
            "head.lead_value",
            leads=" ".join(recording.lead_names),
            fs=say.number(recording.fs_hz),
        ),
        "gain": say.t("head.gain_value", gain=say.number(recording.gain_counts_per_mv)),
        "drugs": patient.drugs or none,
        "procedure_on": patient.procedure_on.isoformat() if patient.procedure_on else none,
    }
    return [(say.t(f"head.{name}"), value) for name, value in values.items()]


def _trend(say: Say, result: dict[str, Any]) -> list[TrendHour]:
    return [
        TrendHour(
            say.moment(hour["starts"])[:5],
            hour["mean_bpm"],
            hour["min_bpm"],
            hour["max_bpm"],
            hour["v"],
        )
        for hour in result["hourly"]
    ]


def _strips(
    session: Session, say: Say, recording: Recording, result: dict[str, Any]
) -> list[StripDrawing]:
    drawings = []
    marks: list[list[tuple[int, str]]] = result.get("strip_beats", [])
    for number, strip in enumerate(result["strips"]):
        beats = marks[number] if number < len(marks) else []
        window = recordings.window(
            session, recording.id, strip["first_sample"], strip["end_sample"]
        )
        ecg_mv = window.counts[:, 0].astype(np.float64) / recording.gain_counts_per_mv
        drawings.append(
            strips_of.draw(
                ecg_mv,
                window.present,
                recording.fs_hz,
                [(sample, letter) for sample, letter in beats],
                strip_title(say, strip),
            )
        )
    return drawings


def strip_title(say: Say, strip: dict[str, Any]) -> str:
    """Say what a strip shows, its value and its time of day."""
    kind = strip["kind"]
    name = (
        say.t(f"rhythm.{kind.removeprefix('rhythm_')}")
        if kind.startswith("rhythm_")
        else say.t(f"strip.{kind}")
    )
    unit = {"bpm": "bpm", "ms": "ms", "mV": "mv"}[strip["unit"]]
    digits = 2 if unit == "mv" else 0
    value = "" if strip["value"] is None else say.unit(strip["value"], unit, digits)
    return f"{name} {value} {say.moment(strip['centre'])}".replace("  ", " ")


def _alarms(session: Session, say: Say, recording: Recording) -> Section | None:
    rows = [
        [
            t(alarm.code, say.locale, **alarm.params),
            t(f"alarms.tier.{alarm.tier.value}", say.locale),
            say.clock(alarm.onset_at),
            say.clock(alarm.acknowledged_at),
            say.clock(alarm.answered_at),
            say.clock(alarm.read_at),
            t(f"alarms.adjudication.{alarm.adjudication}", say.locale)
            if alarm.adjudication
            else "—",
        ]
        for alarm in standing.alarms_of_recording(session, recording.id)
    ]
    if not rows:
        return None
    names = ("event", "tier", "raised", "acknowledged", "answered", "read", "verdict")
    head = [say.t(f"table.{name}") for name in names]
    return Section(say.t("section.alarms"), table=Table(head, rows))


def _comparison(session: Session, say: Say, report: Report) -> Section | None:
    before = previous_signed(session, report)
    if before is None:
        return None
    earlier = recordings.recording_by_id(session, before.recording_id)
    begun = recordings.sample_time(earlier, 0)
    return compare(say, report.result, before.result, begun)


def _signatures(session: Session, say: Say, report: Report) -> list[tuple[str, str, str]]:
    signed = say.t("sign.unsigned")
    if report.signed_by is not None:
        signed = staff_service.staff_by_id(session, report.signed_by).name
    found = [
        (say.t("sign.analyst"), say.t("sign.machine"), say.stamp(report.created_at)),
        (say.t("sign.physician"), signed, say.stamp(report.signed_at)),
    ]
    if report.amend_reason:
        found.append((say.t("sign.amended", reason=report.amend_reason), "", ""))
    return found
