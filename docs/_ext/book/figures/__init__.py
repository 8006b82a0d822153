"""Drawings that follow the reader's theme."""
