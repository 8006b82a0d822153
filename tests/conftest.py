"""Settings of every test: one thread a process, and no deadline for drawn examples.

Two workers with as many threads as cores each wait for one another: the package's tests
then take eight times as long.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch

from hypothesis import settings

settings.register_profile("book", deadline=None)
settings.load_profile("book")
