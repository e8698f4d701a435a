"""The device desk's pages."""
