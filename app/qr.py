"""An address as a QR code; the only file of the app that knows segno."""

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
