"""What every state machine over a clinic of its own begins and ends with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import RuleBasedStateMachine
from sqlmodel import Session

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.errors import ClinicError
from clinic_server.migrations import run as migrations
from tests.factories import NOW


class ClinicMachine(RuleBasedStateMachine):
    """Its database, its clock, and how something is tried."""

    def open_database(self) -> None:
        """Make an empty database; the first rule of a machine calls this."""
        self.folder = TemporaryDirectory()
        self.db = Database(f"sqlite:///{Path(self.folder.name) / 'a.sqlite'}", Bus())
        migrations.upgrade(self.db)
        self.now = NOW

    def teardown(self) -> None:
        """Throw it away."""
        if hasattr(self, "db"):
            self.db.close()
            self.folder.cleanup()

    @contextmanager
    def trying(self) -> Iterator[Session]:
        """One transaction; a refusal is a fine answer and changes nothing."""
        try:
            with self.db.write() as session:
                yield session
        except ClinicError:
            pass
