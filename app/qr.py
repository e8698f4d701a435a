"""QR codes: an address as a picture, and what a scanned one means; knows segno alone."""

import segno


def matrix(address: str) -> list[list[bool]]:
    """Return the modules of a QR code, row by row, with its quiet zone.

    Parameters
    ----------
    address : str
        What to encode; error correction M.
    """
    code = segno.make(address, error="m", micro=False)
    return [[bool(cell) for cell in row] for row in code.matrix_iter(border=4)]


def pairing_code(scanned: str) -> str:
    """Take the pairing code out of what the desk's QR code says.

    Parameters
    ----------
    scanned : str
        ``anxin:<address of the clinic>?code=<code>``, or the code alone.
    """
    _, named, code = scanned.partition("?code=")
    return code if named else scanned
