"""Layers that know the order of their inputs: neighbours, then memory."""
