"""Questions of patients about a spot ECG, and the machine's first look at it."""
