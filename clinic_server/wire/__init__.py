"""The contract: what crosses HTTP between app and clinic (pydantic and numpy only)."""
