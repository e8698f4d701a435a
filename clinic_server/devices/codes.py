"""Pairing codes: 80 bits that a person can read aloud, used once."""

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U
LENGTH = 16
_GROUP = 4
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})


def make_code() -> str:
    """Make a code, grouped for reading: ``7K2M-…``."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(letters[i : i + _GROUP] for i in range(0, LENGTH, _GROUP))


def normalise(code: str) -> str:
    """Undo what typing adds: case, spaces, dashes, O for 0, I and L for 1."""
    kept = "".join(letter for letter in code.upper() if letter.isalnum())
    return kept.translate(_MISREAD)


def code_hash(code: str) -> str:
    """Give what is stored of a code."""
    return hashlib.sha256(("pair:" + normalise(code)).encode()).hexdigest()
