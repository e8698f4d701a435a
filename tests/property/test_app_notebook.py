"""A phone without room: nothing it was told is forgotten while it runs, or sent twice."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from app.notebook import Message, Notebook

NAMES = ("home", "voice", "unit")


class Paper(RuleBasedStateMachine):
    """A notebook on a disk that fills up and is cleared, beside what it was told."""

    @initialize()
    def open_it(self) -> None:
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "notebook.sqlite"
        self.book = Notebook(self.path)
        self.room = True
        self.notes: dict[str, Any] = {}
        self.waiting: list[tuple[bool, str]] = []
        self.taken: list[Message] = []
        self.posts = 0

    def teardown(self) -> None:
        if hasattr(self, "book"):
            self.book.close()
            self.folder.cleanup()

    def pages(self, most: int) -> None:
        self.book._db.execute(f"PRAGMA max_page_count={most}")

    @rule()
    def fill_the_disk(self) -> None:
        self.pages(1)  # never less than what is used: nothing more fits
        self.room = False

    @rule()
    def make_room(self) -> None:
        self.pages(1_000_000)
        self.room = True

    @rule(name=st.sampled_from(NAMES), value=st.integers(), long=st.booleans())
    def put(self, name: str, value: int, long: bool) -> None:
        self.notes[name] = str(value) * 3000 if long else value
        self.book.put(name, self.notes[name])

    @rule(name=st.sampled_from(NAMES))
    def drop(self, name: str) -> None:
        self.notes.pop(name, None)
        self.book.drop(name)

    @rule(urgent=st.booleans(), size=st.sampled_from([1, 9000]))
    def post(self, urgent: bool, size: int) -> None:
        self.posts += 1
        body = f"{self.posts}" + "x" * size
        self.waiting.append((urgent, body))
        self.book.post("sos" if urgent else "done", "", body, urgent=urgent)

    @rule()
    def begin_to_send(self) -> None:
        """Take the list; room may come before the clinic has answered."""
        self.taken = self.book.messages()

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def is_taken_by_the_clinic(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.taken))
        self.taken.remove(message)
        self.book.sent(message.place)
        self.waiting = [one for one in self.waiting if one[1] != message.body]

    @precondition(lambda self: self.room)
    @rule()
    def restart(self) -> None:
        """The app looks what waits every few seconds, and notes what was held by that."""
        self.book.messages()
        self.book.close()
        self.book = Notebook(self.path)
        self.taken = []

    @invariant()
    def it_knows_what_it_was_told(self) -> None:
        if not hasattr(self, "book"):
            return
        for name in NAMES:
            assert self.book.get(name) == self.notes.get(name)
        inked = [body for urgent, body in self.waiting if urgent]
        inked += [body for urgent, body in self.waiting if not urgent]
        assert [one.body for one in self.book.messages()] == inked


Paper.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True
)
TestPaper = Paper.TestCase
