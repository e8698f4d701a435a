"""Who works here and how the house is set up; and everybody's own sessions."""
