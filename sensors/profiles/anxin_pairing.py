"""Proof, both ways, that phone and patch know the code printed on the patch's box.

A challenge and response on HMAC-SHA-256 (RFC 2104); the key is stretched from the code
with PBKDF2 (RFC 8018), so that who overheard the exchange cannot try codes quickly. The
patch stores the key only; it never has to compute PBKDF2.
"""

import hashlib
import hmac
import struct

from sensors.errors import BadPacket, PairingRefused

ITERATIONS = 100_000
NONCE_BYTES = 8  # with an 8-byte proof the answer fits the smallest MTU, 23 bytes
TAG_BYTES = 8
CODE_LENGTH = 10  # characters of 5 bits each: 50 bits
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: never misread
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_CLOCK = struct.Struct("<IQ")


def normalise_code(code: str) -> str:
    """Return a typed code as it was printed: capitals, no blanks, no look-alikes.

    Raises
    ------
    PairingRefused
        It cannot be a code of a patch.
    """
    kept = "".join(c for c in code.upper() if c.isalnum()).translate(_LOOKALIKES)
    if len(kept) != CODE_LENGTH or set(kept) - set(CODE_ALPHABET):
        raise PairingRefused(reason="not_a_code")
    return kept


def derive_key(code: str, serial: str) -> bytes:
    """Return the 32-byte key of a unit.

    Raises
    ------
    PairingRefused
        ``code`` cannot be a code of a patch.
    """
    salt = b"anxin-patch-v1:" + serial.encode()
    return hashlib.pbkdf2_hmac("sha256", normalise_code(code).encode(), salt, ITERATIONS)


def patch_tag(key: bytes, phone_nonce: bytes, patch_nonce: bytes, serial: str) -> bytes:
    """Return the patch's proof."""
    return _tag(key, b"patch", phone_nonce, patch_nonce, serial)


def phone_tag(key: bytes, phone_nonce: bytes, patch_nonce: bytes, serial: str) -> bytes:
    """Return the phone's proof."""
    return _tag(key, b"phone", phone_nonce, patch_nonce, serial)


def same_tag(one: bytes, other: bytes) -> bool:
    """Compare proofs in constant time."""
    return hmac.compare_digest(one, other)


def split_hello(payload: bytes) -> tuple[bytes, bytes]:
    """Cut the patch's answer to HELLO into its nonce and its proof.

    Raises
    ------
    BadPacket
        A broken length.
    """
    if len(payload) != NONCE_BYTES + TAG_BYTES:
        raise BadPacket(profile="anxin_patch", hello=len(payload))
    return payload[:NONCE_BYTES], payload[NONCE_BYTES:]


def encode_clock(counter: int, device_us: int) -> bytes:
    """Write the patch's answer to CLOCK: newest counter and its own time in us."""
    return _CLOCK.pack(counter, device_us)


def decode_clock(payload: bytes) -> tuple[int, int]:
    """Read the patch's answer to CLOCK.

    Raises
    ------
    BadPacket
        A broken length.
    """
    if len(payload) != _CLOCK.size:
        raise BadPacket(profile="anxin_patch", clock=len(payload))
    counter, device_us = _CLOCK.unpack(payload)
    return counter, device_us


def _tag(key: bytes, who: bytes, phone: bytes, patch: bytes, serial: str) -> bytes:
    message = who + phone + patch + serial.encode()
    return hmac.new(key, message, hashlib.sha256).digest()[:TAG_BYTES]
