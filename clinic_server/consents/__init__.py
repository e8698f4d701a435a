"""Consents: what the wearer agreed to, purpose by purpose, and took back."""
