"""EDF, EDF+ and ISHNE files drawn by hand, as other programs would write them."""

import struct

import numpy as np


def edf(
    signals,
    *,
    record_s=1.0,
    onsets_s=None,
    notes=(),
    plus="",
    start=("02.03.26", "09.30.15"),
    identity="X X X X",
):
    """Bytes of an EDF file.

    ``signals`` maps label to ``(unit, physical min, physical max, rows)``; rows are
    int16, shape (records, samples per record). With ``onsets_s`` an annotation signal
    is added; ``notes`` are ``(record, onset, text)``.
    """
    labels = list(signals)
    rows = {k: np.asarray(v[3], dtype="<i2") for k, v in signals.items()}
    records = len(next(iter(rows.values())))
    if onsets_s is not None:
        blocks = []
        for k, onset in enumerate(onsets_s):
            text = f"+{onset:g}\x14\x14\x00"
            for record, at, words in notes:
                if record == k:
                    text += f"+{at:g}\x14{words}\x14\x00"
            blocks.append(text.encode().ljust(64, b"\0"))
        labels.append("EDF Annotations")
        rows["EDF Annotations"] = np.frombuffer(b"".join(blocks), "<i2").reshape(-1, 32)
    n = len(labels)

    def field(text, width):
        return str(text).ljust(width)[:width]

    head = field("0", 8) + field(identity, 80)
    head += field("Startdate 02-MAR-2026 X X X" if plus else "test", 80)
    head += field(start[0], 8) + field(start[1], 8) + field(256 * (n + 1), 8)
    head += field(plus, 44) + field(records, 8) + field(f"{record_s:g}", 8) + field(n, 4)

    def limits(k):
        if k == "EDF Annotations":
            return ("", -1, 1)
        return signals[k][:3]

    head += "".join(field(k, 16) for k in labels) + " " * 80 * n
    head += "".join(field(limits(k)[0], 8) for k in labels)
    head += "".join(field(limits(k)[1], 8) for k in labels)
    head += "".join(field(limits(k)[2], 8) for k in labels)
    head += field(-32768, 8) * n + field(32767, 8) * n + " " * 80 * n
    head += "".join(field(rows[k].shape[1], 8) for k in labels) + " " * 32 * n
    body = b"".join(rows[k][r].tobytes() for r in range(records) for k in labels)
    return head.encode("latin-1") + body


def ishne(
    table, fs, *, specs=(6,), nv=2500, start=((2, 3, 2026), (9, 30, 15)), total=False
):
    """Bytes of an ISHNE file; ``table`` is int16, shape (n_samples, n_leads)."""
    table = np.asarray(table, dtype="<i2")
    n, leads = table.shape
    head = bytearray(512)
    at = 522
    struct.pack_into("<iiiih", head, 0, 0, n * leads if total else n, at, at, 1)
    struct.pack_into("<3h", head, 128, *start[0])
    struct.pack_into("<3h", head, 140, *start[1])
    struct.pack_into("<h", head, 146, leads)
    struct.pack_into("<12h", head, 148, *(list(specs) + [-9] * 12)[:12])
    struct.pack_into("<12h", head, 196, *([nv] * leads + [-9] * 12)[:12])
    struct.pack_into("<h", head, 262, fs)
    return b"ISHNE1.0" + b"\0\0" + bytes(head) + table.tobytes()
