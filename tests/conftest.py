"""Settings of every test: examples are drawn anew, but never fail for being slow."""

from hypothesis import settings

settings.register_profile("book", deadline=None)
settings.load_profile("book")
