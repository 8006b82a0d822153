"""Kernels begin as copies of one process, and know nothing of each other."""

import os
import signal
import sys
from contextlib import contextmanager
from time import monotonic, sleep

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec
from tiny_book import TinyBook, page
from zmq import Context

from book.outputs.warm import Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are for Linux")

LOOK = (
    "import json, os, sys",
    "seen = hasattr(json, 'seen'), 'colorsys' in sys.modules",
    "json.seen = True",
    "print('seen', *seen, os.getsid(0) == os.getpid())",
)


@pytest.mark.slow
def test_a_page_finds_the_imports_and_nothing_of_another_page(tmp_path):
    book = TinyBook(tmp_path / "book")
    book.change("conf.py", "ROOT =", "kernel_imports = ['colorsys']\nROOT =")
    book.change("docs/index.md", "Pasted {glue:text}`other.md::five:`.", "")
    for name in ("middle", "other"):
        book.write(f"docs/{name}.md", page(name, *LOOK))
    for out in ("_build/html", "elsewhere/html"):  # in parallel, then one by one
        built = book.build(out, "-j", "2" if out[0] == "_" else "1")
        assert built.code == 0
        assert "another client" not in built.text
        for name in ("middle.html", "other.html"):
            assert "seen False True True" in book.html(name, out)


@pytest.mark.slow
def test_one_page_alone_begins_with_nothing(tmp_path):
    book = TinyBook(tmp_path / "book")
    book.change("conf.py", "ROOT =", "kernel_imports = ['colorsys']\nROOT =")
    assert book.build().code == 0
    book.write("docs/middle.md", page("Middle", *LOOK))
    assert book.build().ran == {"middle"}
    assert "seen False False" in book.html("middle.html")


@pytest.fixture
def nursery():
    nursery = Nursery()
    nursery.start(["ipykernel.kernelapp"], dict(os.environ))
    yield nursery
    nursery.end(None)


@contextmanager
def started(nursery):
    """Start a kernel; give its manager, and a client."""
    with Context() as context:
        manager = KernelManager(context=context)
        argv = nursery.command()
        manager._kernel_spec = KernelSpec(argv=argv, display_name="", language="python")
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=30)
            yield manager, client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def pid(client):
    """Ask a kernel for its number."""
    code = {"pid": "__import__('os').getpid()"}
    reply = client.execute("", user_expressions=code, reply=True, timeout=30)
    return int(reply["content"]["user_expressions"]["pid"]["data"]["text/plain"])


def ends(number):
    """Whether a process ends within ten seconds."""
    begin = monotonic()
    while monotonic() - begin < 10:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        sleep(0.05)
    return False


def test_a_kernel_lives_as_long_as_what_stands_in_for_it(nursery):
    with started(nursery) as (manager, client):
        kernel = pid(client)
        manager.interrupt_kernel()  # Jupyter does so before it asks a kernel to end
        assert pid(client) == kernel
        os.killpg(manager.provisioner.pgid, signal.SIGKILL)
        assert ends(kernel)


def test_a_kernel_that_dies_is_seen_to_be_dead(nursery):
    with started(nursery) as (manager, client):
        os.kill(pid(client), signal.SIGKILL)
        manager.provisioner.process.wait(timeout=10)
        assert not manager.is_alive()


def test_a_kernel_ends_when_it_is_asked_to(nursery):
    with started(nursery) as (manager, client):
        kernel = pid(client)
        manager.shutdown_kernel()
        assert ends(kernel)


def test_the_last_one_leaves_no_folder_and_no_process():
    nursery = Nursery()
    nursery.start([], dict(os.environ))
    folder, process = nursery.folder, nursery.process
    nursery.end(None)
    assert not folder.exists()
    assert process.returncode == 0
    nursery.end(None)  # again: nothing happens
