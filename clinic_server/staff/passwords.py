"""Passwords: Argon2id, and no more than two hashes at once."""

import threading

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from clinic_server.errors import Unprocessable

MIN_LENGTH = 12
MAX_LENGTH = 200
_MEMORY_KIB = 65536  # 64 MiB, t=3, p=4: 124 ms on the reference machine (RFC 9106 §4)
_AT_ONCE = threading.BoundedSemaphore(2)
_COMMON = frozenset(
    {
        "password1234",
        "passwordpassword",
        "123456789012",
        "1234567890123",
        "qwertyuiop12",
        "qwertyuiopas",
        "administrator",
        "111111111111",
        "abcdefghijkl",
        "iloveyou1234",
    }
)
_hasher = PasswordHash((Argon2Hasher(time_cost=3, memory_cost=_MEMORY_KIB, parallelism=4),))


def hash_password(password: str, username: str) -> str:
    """Hash a new password.

    Raises
    ------
    Unprocessable
        When it is shorter than 12 characters, a well-known one, or the user's name.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Unprocessable("staff.password_length", min=MIN_LENGTH, max=MAX_LENGTH)
    folded = password.casefold()
    if folded in _COMMON or len(set(folded)) < 4 or folded == username.casefold():
        raise Unprocessable("staff.password_weak")
    with _AT_ONCE:
        return _hasher.hash(password)


def hash_pin(pin: str) -> str:
    """Hash a short PIN; whoever asks for it must count the wrong tries."""
    with _AT_ONCE:
        return _hasher.hash(pin)


def verify_password(password: str, password_hash: str) -> bool:
    """Compare in constant time; False for anything that is not a hash of it."""
    if len(password) > MAX_LENGTH:
        return False
    with _AT_ONCE:
        try:
            return _hasher.verify(password, password_hash)
        except UnknownHashError:
            return False


_DECOY: list[str] = []


def waste_a_verification(password: str) -> None:
    """Spend the same time for an unknown name as for a wrong password."""
    with _AT_ONCE:
        if not _DECOY:
            _DECOY.append(_hasher.hash("nobody has this password"))
        _hasher.verify(password[:MAX_LENGTH], _DECOY[0])
