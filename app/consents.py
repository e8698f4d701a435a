"""What the wearer agreed to: said here first, sent when there is a line."""

from datetime import datetime

from app.notebook import Notebook
from clinic_server.wire.consent import (
    TEXT_VERSION,
    ConsentDecision,
    ConsentPut,
    ConsentState,
    Purpose,
)

_NOTE = "consents"


class Consents:
    """One wearer's decisions.

    Parameters
    ----------
    notebook : Notebook
        Where they are remembered and wait.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def decide(self, purpose: Purpose, granted: bool, now: datetime) -> None:
        """Say yes or no to a purpose; saying the same again is nothing new."""
        if self.granted(purpose) is granted:
            return
        decision = ConsentDecision(
            purpose=purpose, granted=granted, version=TEXT_VERSION, decided_at=now
        )
        known = self._notebook.get(_NOTE, {})
        known[purpose.value] = {
            "granted": granted,
            "version": TEXT_VERSION,
            "at": now.isoformat(),
        }
        self._notebook.put(_NOTE, known)
        put = ConsentPut(decisions=[decision])
        self._notebook.post("consents", purpose.value, put.model_dump_json())

    def granted(self, purpose: Purpose) -> bool | None:
        """Return the decision about the words of today; None: to be asked."""
        known = self._notebook.get(_NOTE, {}).get(purpose.value)
        if known is None or (known["granted"] and known["version"] < TEXT_VERSION):
            return None
        return bool(known["granted"])

    def decided(self, purpose: Purpose) -> tuple[int, datetime | None] | None:
        """Return the version of the words that were answered, and when."""
        known = self._notebook.get(_NOTE, {}).get(purpose.value)
        if known is None:
            return None
        at = known.get("at")
        return int(known["version"]), datetime.fromisoformat(at) if at else None

    def asked(self) -> bool:
        """Every purpose has its answer."""
        return all(self.granted(purpose) is not None for purpose in Purpose)

    def learn(self, states: list[ConsentState]) -> None:
        """Take over what the clinic knows, but for what still waits here."""
        waiting = {m.target for m in self._notebook.messages() if m.kind == "consents"}
        known = self._notebook.get(_NOTE, {})
        for state in states:
            name = state.purpose.value
            if state.granted is not None and name not in waiting:
                known[name] = {
                    "granted": state.granted,
                    "version": state.version or 1,
                    "at": state.decided_at.isoformat() if state.decided_at else None,
                }
        self._notebook.put(_NOTE, known)
