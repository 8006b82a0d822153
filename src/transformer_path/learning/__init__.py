"""What learning from data is, before any neural network."""
