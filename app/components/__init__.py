"""Pieces of screens, used by several views."""
