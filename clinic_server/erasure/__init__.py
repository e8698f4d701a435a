"""Erasure on request: what goes, what the law keeps, and who decided it together."""
