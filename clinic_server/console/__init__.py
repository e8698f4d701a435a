"""The physician's pages and their event stream."""
