"""One pure file per make of patch: decode, encode, commands, facts with their source."""
