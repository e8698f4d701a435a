"""Time-based one-time passwords, RFC 6238 over RFC 4226: SHA-1, 30 s, six digits. Pure."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
SLACK = 1
"""Steps before and after now that count as well: clocks differ (RFC 6238, 5.2)."""


def make_secret() -> str:
    """Make a key as authenticators take it: 160 bits in base 32."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def code(secret: str, step: int, digits: int = DIGITS) -> str:
    """Give the code of one time step (RFC 4226, 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_at(at: datetime) -> int:
    """Give the number of the time step."""
    return int(at.timestamp()) // STEP_S


def matching_step(secret: str, typed: str, at: datetime, after: int) -> int | None:
    """Find the step whose code was typed; none at or before ``after`` counts.

    Parameters
    ----------
    typed : str
        What the person typed; spaces in it do not matter.
    after : int
        The step that was used last: a code seen over a shoulder works no second time.
    """
    given = "".join(typed.split()).encode()
    now = step_at(at)
    found = None
    for step in range(now - SLACK, now + SLACK + 1):
        same = hmac.compare_digest(code(secret, step).encode(), given)
        if same and step > after:
            found = step
    return found


def address(secret: str, account: str, issuer: str) -> str:
    """Give what an authenticator scans: an ``otpauth`` address."""
    label = quote(f"{issuer}:{account}")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer)}"
