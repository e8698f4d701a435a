"""What a clinic holds of one patient, in files anybody can open."""
