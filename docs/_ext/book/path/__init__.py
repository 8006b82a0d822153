"""The concept graph, its map, and the head and foot of a chapter."""
