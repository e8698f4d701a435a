"""How the shipped models were made; needs packages the product does not."""
