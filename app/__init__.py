"""The patient's app: what the wearer sees, and the way up to the clinic."""
