"""Samples as they arrived, append-only, and the windows cut from them."""
