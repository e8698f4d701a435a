"""Patches without hardware: the scripted heart, the replayed record, faults, the radio."""
