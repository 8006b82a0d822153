"""Settings of every test: one thread a process, and the same drawn examples everywhere.

Two workers with as many threads as cores each wait for one another: the package's tests
then take eight times as long. Examples are drawn from each test's own text, so that a
fresh machine runs what ours ran; to look for more, run
``pytest --hypothesis-profile explore``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch

from hypothesis import settings

settings.register_profile("book", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("book")
