"""WFDB annotation files (MIT format), read and written.

Format: https://www.physionet.org/physiotools/wag/annot-5.htm. Each annotation is a
little-endian word, 6 bits of code and 10 bits of time since the one before; SKIP carries
longer times and AUX a text.
"""

import contextlib
from typing import Final

import numpy as np

from analytics.errors import BadRecord
from analytics.records_types import RecordAnnotations

_BY_CODE: Final = (
    *("N", "L", "R", "a", "V", "F", "J", "A", "S", "E", "j", "/", "Q", "~"),
    *("", "|", "", "s", "T", "*", "D", '"', "=", "p", "B", "^", "t", "+"),
    *("u", "?", "!", "[", "]", "e", "n", "@", "x", "f", "(", ")", "r"),
)
SYMBOLS: Final = {code: symbol for code, symbol in enumerate(_BY_CODE, 1) if symbol}
"""Annotation symbols by code; codes without a symbol are read as ``?``."""
CODES: Final = {symbol: code for code, symbol in SYMBOLS.items()}
_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63
_RESOLUTION = "## time resolution:"
_MAX_STEP = 1023  # samples that fit into ten bits
_MAX_AUX = 255  # bytes; longer texts do not fit WFDB's own readers
_MAX_SAMPLE = 2**40  # 35 years at 1000 Hz: beyond is damage, not time


def decode_annotations(data: bytes) -> RecordAnnotations:
    """Read an annotation file's bytes.

    The time resolution note that WFDB puts first is left out.

    Raises
    ------
    BadRecord
        ``annotations_damaged``: a word is missing, a code is unknown, or times run back
        before the start.
    """
    words = np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2")
    samples: list[int] = []
    symbols: list[str] = []
    texts: list[str] = []
    subtypes: list[int] = []
    now, k, n = 0, 0, len(words)
    while k < n:
        code, value = int(words[k]) >> 10, int(words[k]) & 0x3FF
        k += 1
        if code == 0 and value == 0:
            break
        if code == _SKIP:
            if k + 2 > n:
                raise BadRecord(reason="annotations_damaged")
            step = (int(words[k]) << 16) | int(words[k + 1])
            now += step - 2**32 if step >= 2**31 else step
            k += 2
        elif code == _AUX:
            size = (value + 1) // 2
            text = words[k : k + size].tobytes()[:value]
            if len(text) < value:
                raise BadRecord(reason="annotations_damaged")
            if texts:
                texts[-1] = text.rstrip(b"\0").decode("latin-1")
            k += size
        elif code == _SUB:
            if subtypes:
                subtypes[-1] = value - 256 if 128 <= value < 256 else value
        elif code in (_NUM, _CHN):
            continue
        else:
            now += value
            if code == 0:  # not an annotation, only time (wfdb writes one after its note)
                continue
            if not 0 <= now <= _MAX_SAMPLE:
                raise BadRecord(reason="annotations_damaged")
            samples.append(now)
            symbols.append(SYMBOLS.get(code, "?"))
            texts.append("")
            subtypes.append(0)
    return _in_order(samples, symbols, texts, subtypes)


def _in_order(
    samples: list[int], symbols: list[str], texts: list[str], subtypes: list[int]
) -> RecordAnnotations:
    """Sort by time and take out the notes on the file itself."""
    fs: float | None = None
    kept: list[int] = []
    for k in sorted(range(len(samples)), key=samples.__getitem__):
        is_note = samples[k] == 0 and symbols[k] == '"' and texts[k].startswith("## ")
        if is_note and texts[k].startswith(_RESOLUTION):
            with contextlib.suppress(ValueError):
                fs = float(texts[k].removeprefix(_RESOLUTION))
        if not is_note:
            kept.append(k)
    return RecordAnnotations(
        np.array([samples[k] for k in kept], dtype=np.int64),
        tuple(symbols[k] for k in kept),
        tuple(texts[k] for k in kept),
        tuple(subtypes[k] for k in kept),
        fs,
    )


def encode_annotations(annotations: RecordAnnotations) -> bytes:
    """Write annotations as the bytes of a WFDB annotation file.

    Raises
    ------
    BadRecord
        ``annotations_invalid``: out of order, a symbol WFDB does not have, or a text of
        more than 255 bytes.
    """
    parts: list[bytes] = []
    now = 0
    for sample, symbol, aux in zip(
        annotations.sample.tolist(), annotations.symbol, annotations.aux, strict=True
    ):
        code, step = CODES.get(symbol), sample - now
        text = aux.encode("latin-1", "replace")
        if code is None or step < 0 or len(text) > _MAX_AUX:
            raise BadRecord(reason="annotations_invalid", sample=sample, symbol=symbol)
        if step > _MAX_STEP:
            parts.append(_words(_SKIP << 10, step >> 16, step & 0xFFFF))
            step = 0
        parts.append(_words(code << 10 | step))
        if text:
            parts.append(_words(_AUX << 10 | len(text)) + text + b"\0" * (len(text) % 2))
        now = sample
    parts.append(_words(0))
    return b"".join(parts)


def _words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)
