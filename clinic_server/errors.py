"""Errors of the clinic server.

::

    ClinicError(Exception)
    ├── Malformed
    ├── NotSignedIn
    ├── Forbidden
    ├── NotFound
    ├── Gone
    ├── Conflict
    ├── TooLarge
    ├── Unprocessable
    ├── TooMany
    └── Unavailable

An error carries a stable code (``devices.already_issued``) and its data; the sentence is
made by `i18n` where a person reads it. One handler in `main` turns it into a `Problem`.
"""


class ClinicError(Exception):
    """Root: an expected refusal with a code, its data and an HTTP status."""

    status = 400

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        """Give developers the code and the data; people get ``t(code)``."""
        return f"{self.code} {self.params}"


class Malformed(ClinicError):
    """The request cannot be read."""

    status = 400


class NotSignedIn(ClinicError):
    """No valid session or device token."""

    status = 401


class Forbidden(ClinicError):
    """Known, but this role may not do it."""

    status = 403


class NotFound(ClinicError):
    """Unknown, or not this person's to see: the answer is the same."""

    status = 404


class Conflict(ClinicError):
    """The state forbids it: already issued, already signed, other content."""

    status = 409


class Gone(ClinicError):
    """It was valid once: a closed recording, a used code, a revoked page."""

    status = 410


class TooLarge(ClinicError):
    """More bytes than are accepted."""

    status = 413


class Unprocessable(ClinicError):
    """Readable but wrong: a hash that does not match, an impossible rate."""

    status = 422


class TooMany(ClinicError):
    """Too many tries; ``retry_after_s`` says when again."""

    status = 429


class Unavailable(ClinicError):
    """The server cannot keep its promise now (disk full, writer dead)."""

    status = 503
