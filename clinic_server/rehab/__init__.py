"""Rehab sessions: prescription, gate, target zone, summary."""
