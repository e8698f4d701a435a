"""Patients, their care team and their case: the order of a stay."""
