"""ECG patches, real and virtual: bytes to frames. Knows no server and no analysis."""
