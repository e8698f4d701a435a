"""Live analysis by watermark, apart from ingest."""
