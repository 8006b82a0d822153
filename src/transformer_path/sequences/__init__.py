"""Networks that take the order of their inputs into account."""
