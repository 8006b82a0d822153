"""Attention, and the architecture that is made of it."""
