"""The durable door: a segment is accepted when it is on disk."""
