"""What becomes of every table when a patient asks to be erased.

Personal data go on request, but not what a law keeps: China's Personal Information
Protection Law, article 47, and the rules on medical records (医疗机构病历管理规定, 2013,
article 29: at least 15 years after the last visit of an outpatient, 30 after the discharge
of an inpatient). What is kept is stored and nothing else: nobody's screen shows it. Which
term holds, and whether the sorting below is right in a given house, a lawyer must say; the
page says so too.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Table, func, or_, select
from sqlmodel import Session

from clinic_server.tables import metadata


class Fate(StrEnum):
    """What erasure does with the rows of a table."""

    GOES = "goes"
    """No law asks for it: it goes at once."""
    UNUSED_GOES = "unused_goes"
    """Belongs to a recording: goes with one that no physician used, else it is `RECORD`."""
    RECORD = "record"
    """Part of the medical record: stays, out of sight, until its term is over."""
    LOAN = "loan"
    """The history of a unit: stays, without names once the record's term is over."""
    PROOF = "proof"
    """Shows that the house acted lawfully: stays. Holds numbers, not names."""


FATES: dict[str, Fate] = {
    "advice": Fate.RECORD,
    "alarm": Fate.RECORD,
    "alarm_event": Fate.RECORD,
    "analysed_range": Fate.UNUSED_GOES,
    "analysis_cursor": Fate.UNUSED_GOES,
    "audit": Fate.PROOF,
    "beat_chunk": Fate.UNUSED_GOES,
    "break_glass": Fate.PROOF,
    "care_team_member": Fate.GOES,
    "case_event": Fate.RECORD,
    "case_file": Fate.RECORD,
    "consent": Fate.PROOF,
    "consult": Fate.RECORD,
    "diary_entry": Fate.RECORD,
    "episode": Fate.UNUSED_GOES,
    "erasure_request": Fate.PROOF,
    "event_mark": Fate.UNUSED_GOES,
    "family_link": Fate.GOES,
    "family_notice": Fate.RECORD,
    "family_session": Fate.GOES,
    "family_view": Fate.GOES,
    "issue": Fate.LOAN,
    "legal_hold": Fate.PROOF,
    "limit_override": Fate.RECORD,
    "loan_extension": Fate.LOAN,
    "loan_picture": Fate.GOES,
    "loan_reminder": Fate.RECORD,
    "minute_trend": Fate.UNUSED_GOES,
    "outbox": Fate.RECORD,
    "patient": Fate.RECORD,
    "phone_state": Fate.GOES,
    "plan": Fate.RECORD,
    "recording": Fate.UNUSED_GOES,
    "rehab_prescription": Fate.RECORD,
    "rehab_session": Fate.RECORD,
    "report": Fate.UNUSED_GOES,
    "report_edit": Fate.UNUSED_GOES,
    "report_job": Fate.UNUSED_GOES,
    "report_reading": Fate.UNUSED_GOES,
    "report_tile": Fate.UNUSED_GOES,
    "segment": Fate.UNUSED_GOES,
    "segment_conflict": Fate.UNUSED_GOES,
    "task": Fate.RECORD,
    "time_point": Fate.RECORD,
    "work_item": Fate.RECORD,
}
"""By table; `NOBODYS` hold nothing of a patient."""
NOBODYS = frozenset(
    {
        "channel", "department", "device_kit", "duty", "house_setting", "limit_replay",
        "plan_template",
        "second_factor", "site", "staff", "staff_session", "unit", "wipe_certificate",
    }
)  # fmt: skip
_PARENTS = {
    "recording_id": "recording",
    "issue_id": "issue",
    "alarm_id": "alarm",
    "case_id": "case_file",
    "link_id": "family_link",
    "plan_id": "plan",
}


def belongs(table: Table, patient_id: int) -> ColumnElement[bool]:
    """Give the condition on a table's rows that they are about a patient."""
    if table.name == "patient":
        return table.c.id == patient_id
    if "patient_id" in table.c:
        return table.c.patient_id == patient_id
    ways = []
    for name, parent in _PARENTS.items():
        if name in table.c:
            other = metadata.tables[parent]
            theirs = select(other.c.id).where(belongs(other, patient_id))
            ways.append(table.c[name].in_(theirs))
    return or_(*ways)


def used_recordings(session: Session, patient_id: int) -> set[str]:
    """Give the recordings that an act of medicine rests upon: they are evidence of it.

    An alarm, a signed report, a consult, a diary entry, a task or an exercise session
    refers to them.
    """
    used: set[str] = set()
    for name in ("alarm", "consult", "diary_entry", "report"):
        table = metadata.tables[name]
        query = select(table.c.recording_id).where(belongs(table, patient_id))
        if name == "report":
            query = query.where(table.c.signed_at.is_not(None))
        used |= {row for (row,) in session.execute(query) if row}
    for name in ("task", "rehab_session"):
        table = metadata.tables[name]
        rows = session.execute(select(table.c.result).where(belongs(table, patient_id)))
        used |= {_recording_in(result) for (result,) in rows} - {""}
    return used


def _recording_in(result: Any) -> str:
    found = result.get("recording_id") if isinstance(result, dict) else None
    return found if isinstance(found, str) else ""


def goes(table: Table, patient_id: int, used: set[str]) -> ColumnElement[bool] | None:
    """Give the condition on the rows of a table that go at once; None for none."""
    fate = FATES.get(table.name)
    if table.name == "loan_picture":  # signatures settle a quarrel about the deposit
        loan = metadata.tables["issue"]
        settled = select(loan.c.id).where(
            belongs(loan, patient_id),
            loan.c.deposit_back_cny >= loan.c.deposit_cny,
            loan.c.return_condition.in_(("good", "worn")),
        )
        return table.c.issue_id.in_(settled)
    if fate is Fate.GOES:
        return belongs(table, patient_id)
    if fate is Fate.UNUSED_GOES:
        key = table.c.id if table.name == "recording" else table.c.recording_id
        return belongs(table, patient_id) & key.not_in(used)
    return None


def count(session: Session, table: Table, where: ColumnElement[bool]) -> int:
    """Count rows."""
    query = select(func.count()).select_from(table).where(where)
    return int(session.execute(query).scalar_one())
