"""The call for help: durable before anything is sent, visible until it is answered."""

import uuid
from datetime import datetime

from app.notebook import Notebook
from app.spool import Spool
from app.state import SosView
from clinic_server.wire.care import OpenEvent, Place, Sos, Step, StepState

BEFORE_S = 60
AFTER_S = 60
_NOTE = "sos"


class SosDesk:
    """One wearer's call for help.

    Parameters
    ----------
    notebook : Notebook
        Where the call and its message wait.
    spool : Spool
        Says how much of the ECG around the call is still on the phone.
    """

    def __init__(self, notebook: Notebook, spool: Spool) -> None:
        self._notebook = notebook
        self._spool = spool

    def press(
        self, now: datetime, rid: str | None, sample: int | None, fs_hz: float | None
    ) -> None:
        """Note the call and queue it before everything else.

        Parameters
        ----------
        now : datetime
            When the button was held.
        rid : str or None
            Recording that is running.
        sample : int or None
            Its newest sample.
        fs_hz : float or None
            Its sampling frequency.
        """
        known = self._notebook.get(_NOTE)
        if known is not None and not known["over"]:
            return
        call: dict[str, object] = {
            "client_id": str(uuid.uuid4()),
            "pressed_at": now.isoformat(),
            "rid": rid,
            "sample": sample,
            "fs_hz": fs_hz,
            "symptoms": [],
            "place": None,
            "alarm_id": None,
            "cancelled": False,
            "over": False,
        }
        self._notebook.put(_NOTE, call)
        self._post(call)

    def symptoms(self, symptoms: tuple[str, ...]) -> None:
        """Say what is wrong; the same call is sent again with it."""
        call = self._notebook.get(_NOTE)
        if call is None or call["over"]:
            return
        call["symptoms"] = list(symptoms)
        self._notebook.put(_NOTE, call)
        self._post(call)

    def place(self, place: Place) -> None:
        """Say where the wearer is; the same call is sent again with it."""
        call = self._notebook.get(_NOTE)
        if call is None or call["over"]:
            return
        call["place"] = place.model_dump()
        self._notebook.put(_NOTE, call)
        self._post(call)

    def cancel(self) -> None:
        """Pressed by mistake. What was not sent is never sent; the rest stays."""
        call = self._notebook.get(_NOTE)
        if call is None:
            return
        if call["alarm_id"] is None:
            self._unpost()
            self._unnote(call["client_id"])
            self._notebook.drop(_NOTE)
            return
        call["cancelled"] = True
        self._notebook.put(_NOTE, call)

    def leave(self) -> None:
        """Close the page of a call that was answered or cancelled."""
        call = self._notebook.get(_NOTE)
        if call is not None:
            call["over"] = True
            self._notebook.put(_NOTE, call)

    def taken(self, event: OpenEvent) -> None:
        """Note that the clinic has the call."""
        call = self._notebook.get(_NOTE)
        if call is not None:
            call["alarm_id"] = event.alarm_id
            self._notebook.put(_NOTE, call)

    def _post(self, call: dict[str, object]) -> None:
        self._unpost()
        sos = Sos.model_validate(
            {
                "client_id": call["client_id"],
                "pressed_at": call["pressed_at"],
                "recording_id": call["rid"],
                "sample": call["sample"],
                "symptoms": call["symptoms"],
                "place": call.get("place"),
            }
        )
        self._notebook.post("sos", "", sos.model_dump_json(), urgent=True)

    def _unpost(self) -> None:
        for message in self._notebook.messages():
            if message.kind == "sos":
                self._notebook.sent(message.place)

    def _unnote(self, client_id: str) -> None:
        """Take back the diary entry that went with the call, if it has not left."""
        for message in self._notebook.messages():
            if message.kind == "diary" and message.target == client_id:
                self._notebook.sent(message.place)

    def open_call(self) -> str | None:
        """Return the number of the call that is under way."""
        call = self._notebook.get(_NOTE)
        return None if call is None or call["over"] else str(call["client_id"])

    def view(self, events: tuple[OpenEvent, ...], end_sample: int) -> SosView | None:
        """Return how far the call got, or None when there is none.

        Parameters
        ----------
        events : tuple of OpenEvent
            What the clinic last said.
        end_sample : int
            One past the newest sample of the recording that is running.
        """
        call = self._notebook.get(_NOTE)
        if call is None or call["over"]:
            return None
        event = next((e for e in events if e.alarm_id == call["alarm_id"]), None)
        return SosView(
            client_id=call["client_id"],
            pressed_at=datetime.fromisoformat(call["pressed_at"]),
            symptoms=tuple(call["symptoms"]),
            saved=call["sample"] is not None,
            percent=self._percent(call, end_sample),
            alarm_id=call["alarm_id"],
            steps=tuple(event.steps) if event else (),
            cancelled=call["cancelled"],
            placed=call.get("place") is not None,
            opened_at=event.opened_at if event else None,
            opened_by=event.opened_by if event else "",
        )

    def _percent(self, call: dict[str, object], end_sample: int) -> int:
        sample, fs_hz, rid = call["sample"], call["fs_hz"], call["rid"]
        if not (
            isinstance(sample, int)
            and isinstance(fs_hz, int | float)
            and isinstance(rid, str)
        ):
            return 0
        first = max(0, sample - round(BEFORE_S * fs_hz))
        end = sample + round(AFTER_S * fs_hz)
        made = max(0, min(end_sample, end) - first)
        unsent = self._spool.unsent_samples(rid, first, end)
        return max(0, min(100, (made - unsent) * 100 // (end - first)))


def step_of(steps: tuple[StepState, ...], step: Step) -> StepState | None:
    """Find one step."""
    return next((one for one in steps if one.step is step), None)
