"""Errors of the app.

::

    AppError(Exception)
    ├── Offline
    ├── ServerRefused
    ├── SpoolFull
    ├── SpoolDamaged
    ├── BadConfig
    └── NotEnrolled

A missing network, a patch that fell off or an empty battery is not an error: it is a
state that the wearer sees with an instruction.
"""

import sqlite3

from clinic_server.wire.problem import Problem


class AppError(Exception):
    """Root of every error raised in this room; carries a stable code and its data."""

    code = "app.error"

    def __init__(self, **params: object) -> None:
        super().__init__(self.code, params)
        self.params = params

    def __str__(self) -> str:
        """Give developers the code and the data; people get ``t(code)``."""
        return f"{self.code} {self.params}"


class Offline(AppError):
    """The clinic could not be reached; nothing is known about what it stored."""

    code = "app.offline"


class ServerRefused(AppError):
    """The clinic answered and said no.

    Parameters
    ----------
    problem : Problem
        Its reason, with a code a program can act on.
    retry_after_s : float or None
        When it wants to be asked again.
    """

    code = "app.refused"

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(code=problem.code, status=problem.status)
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """Trying the same again later may succeed."""
        return self.problem.status in (408, 425, 429) or self.problem.status >= 500

    @property
    def revoked(self) -> bool:
        """The loan of this phone has ended: its token is worth nothing any more."""
        status, code = self.problem.status, self.problem.code
        return status == 401 or (status == 410 and code == "devices.loan_ended")


class SpoolFull(AppError):
    """The phone has no room for more ECG; the wearer must see it."""

    code = "app.spool_full"


def no_room(error: sqlite3.OperationalError) -> bool:
    """Say whether a database refused because the disk is full, or as good as broken."""
    return "full" in str(error) or "disk I/O" in str(error)


class SpoolDamaged(AppError):
    """The queue's file cannot be read."""

    code = "app.spool_damaged"


class BadConfig(AppError):
    """The list of phones is not what `anxin phone` understands; ``reason`` says why."""

    code = "app.bad_config"


class NotEnrolled(AppError):
    """The phone does not belong to a loan yet."""

    code = "app.not_enrolled"
