"""What became of the transformer: one that writes, one that reads, and what is new."""
