"""The transactional outbox and its channels."""
