"""The 24-hour report: analysed in a worker, read and signed by a physician."""
