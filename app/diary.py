"""What the wearer felt: noted at once, sent when there is a line."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.notebook import Notebook
from clinic_server.wire.diary import DiaryNote, Symptom

KEPT = 50
_NOTE = "diary"
_REFUSED = "diary_refused"


@dataclass(frozen=True, slots=True)
class When:
    """A way to say when, and the window that it means, counted back from now."""

    name: str
    oldest: timedelta
    newest: timedelta


def _minutes(name: str, oldest: float, newest: float) -> When:
    return When(name, timedelta(minutes=oldest), timedelta(minutes=newest))


WHENS: tuple[When, ...] = (
    _minutes("now", 1, 0),
    _minutes("5_min", 10, 2),
    _minutes("20_min", 30, 10),
    _minutes("1_h", 90, 40),
    _minutes("3_h", 300, 120),
)
"""People round: the farther back, the wider the window."""


class Diary:
    """One wearer's diary.

    Parameters
    ----------
    notebook : Notebook
        Where entries wait and are remembered.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def compose(
        self,
        now: datetime,
        when: When,
        symptoms: tuple[Symptom, ...],
        *,
        lasted_5_min: bool | None = None,
        severe: bool | None = None,
        recording: str | None = None,
        end_sample: int = 0,
    ) -> DiaryNote:
        """Put an entry together; nothing is kept yet.

        Parameters
        ----------
        now : datetime
            Aware.
        when : When
            One of `WHENS`.
        symptoms : tuple of Symptom
            At least one.
        lasted_5_min, severe : bool, optional
            Answers about chest pain and breathlessness.
        recording : str or None
            The recording that is running.
        end_sample : int
            One past its newest sample.
        """
        on_trace = recording is not None and end_sample > 0
        return DiaryNote(
            client_id=str(uuid.uuid4()),
            noted_at=now,
            first_at=now - when.oldest,
            last_at=now - when.newest,
            symptoms=list(symptoms),
            lasted_5_min=lasted_5_min if Symptom.CHEST_PAIN in symptoms else None,
            severe=severe if Symptom.DYSPNOEA in symptoms else None,
            recording_id=recording if on_trace else None,
            sample=end_sample if on_trace else None,
        )

    def keep(self, note: DiaryNote) -> None:
        """Keep an entry and queue it; a grave one goes before everything else."""
        body = note.model_dump_json()
        known = self._notebook.get(_NOTE, [])
        self._notebook.post("diary", note.client_id, body, urgent=note.grave)
        self._notebook.put(_NOTE, [note.model_dump(mode="json"), *known][:KEPT])

    def entries(self) -> list[DiaryNote]:
        """Return what was noted on this phone, newest first."""
        return [DiaryNote.model_validate(one) for one in self._notebook.get(_NOTE, [])]

    def refused(self, client_id: str) -> None:
        """Note that the clinic would not take an entry: it is never shown as sent."""
        known = self._notebook.get(_REFUSED, [])
        self._notebook.put(_REFUSED, [client_id, *known][:KEPT])

    def fate(self, note: DiaryNote) -> str:
        """Return ``waits``, ``refused`` or ``sent``."""
        if note.client_id in self.waiting():
            return "waits"
        return "refused" if note.client_id in self._notebook.get(_REFUSED, []) else "sent"

    def waiting(self) -> set[str]:
        """Return the numbers of entries that are not at the clinic yet."""
        return {m.target for m in self._notebook.messages() if m.kind == "diary"}
