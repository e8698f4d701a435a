"""ECG analysis: arrays in, frozen dataclasses out; no clock, network or database."""
