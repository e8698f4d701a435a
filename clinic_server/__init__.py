"""The clinic server, the physician's console, the device desk and the family page."""
