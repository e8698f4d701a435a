"""Alarm rules, the life of an alarm, escalation, the answer to the patient."""
