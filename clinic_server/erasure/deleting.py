"""The erasing itself: rows are deleted and names overwritten, in one transaction.

The audit is not touched: its rows name a patient by number, and their chain still holds.
Under SQLite what is freed is overwritten with zeros (``secure_delete``) and the journal is
emptied afterwards (`scrub`); PostgreSQL reuses freed space at its next vacuum. Copies that
were made before, backups above all, are beyond a database's reach.
"""

from datetime import date, datetime

from sqlalchemy import ColumnElement, delete, text, update
from sqlmodel import Session, select

from clinic_server.db import Database
from clinic_server.erasure.fate import FATES, Fate, belongs, count, goes, used_recordings
from clinic_server.erasure.models import ErasureRequest
from clinic_server.tables import metadata

Counts = dict[str, int]
NEVER = date(1900, 1, 1)
_WITH_THE_TERM = frozenset({Fate.RECORD, Fate.UNUSED_GOES, Fate.GOES})


def forecast(session: Session, patient_id: int) -> tuple[Counts, Counts]:
    """Say what would go at once and what would stay, in rows by table."""
    used = used_recordings(session, patient_id)
    leaving: Counts = {}
    staying: Counts = {}
    for name in FATES:
        table = metadata.tables[name]
        where = goes(table, patient_id, used)
        gone = 0 if where is None else count(session, table, where)
        rest = count(session, table, belongs(table, patient_id)) - gone
        leaving |= {name: gone} if gone else {}
        staying |= {name: rest} if rest else {}
    return leaving, staying


def erase(session: Session, patient_id: int, now: datetime, *, whole: bool) -> Counts:
    """Erase a patient.

    Parameters
    ----------
    whole : bool
        The term of the medical record is over: it goes too, and the number stays alone.

    Returns
    -------
    dict of str to int
        Rows that are gone, by table.
    """
    _overwrite_what_is_freed(session, on=True)
    used = set() if whole else used_recordings(session, patient_id)
    gone: Counts = {}
    for table in reversed(metadata.sorted_tables):
        fate = FATES.get(table.name)
        where = goes(table, patient_id, used)
        if whole and fate in _WITH_THE_TERM and table.name != "patient":
            where = belongs(table, patient_id)
        if where is None:
            continue
        rows = count(session, table, where)
        if rows:
            session.execute(delete(table).where(where))
            gone[table.name] = rows
    _forget_names(session, patient_id, now, whole=whole)
    session.expire_all()
    _overwrite_what_is_freed(session, on=False)
    return gone


def _forget_names(session: Session, patient_id: int, now: datetime, *, whole: bool) -> None:
    patient, issue = metadata.tables["patient"], metadata.tables["issue"]
    told: dict[str, object] = {
        "phone": "",
        "emergency_name": "",
        "emergency_relation": "",
        "emergency_phone": "",
        "removed_at": now,
    }
    loan: dict[str, object] = {
        "phone_token_hash": None,
        "pairing_code_hash": None,
        "return_note": "",
    }
    if whole:
        told |= {
            "mrn": f"erased-{patient_id}", "name": "—", "sex": "", "born_on": NEVER,
            "diagnosis": "", "procedure": "", "procedure_on": None, "drugs": "",
            "lvef_pct": None, "has_pacemaker": False, "known_af": False,
            "pacemaker_lower_bpm": None, "alarm_template": "default",
            "discharged_on": None, "place": 0,
        }  # fmt: skip
        loan |= {"terms_signed_by": "", "return_signed_by": ""}
        for name in ("loan_extension", "break_glass"):
            free = metadata.tables[name]
            session.execute(update(free).where(belongs(free, patient_id)).values(reason=""))
    session.execute(update(patient).where(patient.c.id == patient_id).values(told))
    session.execute(update(issue).where(belongs(issue, patient_id)).values(loan))


def _overwrite_what_is_freed(session: Session, *, on: bool) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text(f"PRAGMA secure_delete={'ON' if on else 'OFF'}"))


def scrub(db: Database, now: datetime) -> None:
    """Empty the journal of what was erased, where that is still owed (a tick)."""
    with db.read() as session:
        owed = session.exec(select(ErasureRequest.id).where(_owes_scrubbing())).all()
    if not owed or not db.empty_journal():
        return  # a reader still needs the journal: the next tick tries again
    with db.write() as session:
        for one in session.exec(
            select(ErasureRequest).where(metadata.tables["erasure_request"].c.id.in_(owed))
        ):
            one.scrubbed_at = now
            session.add(one)


def _owes_scrubbing() -> ColumnElement[bool]:
    table = metadata.tables["erasure_request"]
    return (
        table.c.ended_at.is_not(None)
        & table.c.withdrawn.is_(False)
        & table.c.scrubbed_at.is_(None)
    )
