"""The page a relative opens from a QR code, without an account."""
