"""Follow-up plans, their tasks, and what the nurse has to do."""
