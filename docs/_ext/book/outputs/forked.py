"""The two programs that give a page its kernel; see ``warm``.

``forked.py NUMBER MODULE...`` is the nursery: it imports the modules, and forks a
kernel for each that asks at the socket of that number. ``forked.py SOCKET OPTION...``
is what Jupyter takes for the kernel: it asks for one with these options, and lives as
long as that does. If it is killed, or whoever started it, the kernel ends too.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import threading
from importlib import import_module


def nurse(listener: socket.socket, modules: list[str]) -> None:
    """Import; then fork kernels until the build, at the other end of stdin, is gone."""
    for name in modules:
        import_module(name)
    gc.freeze()  # what was imported stays: looking for garbage in it would copy it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # kernels are not waited for
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        stand_in, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            become_kernel(stand_in)
        stand_in.close()


def become_kernel(stand_in: socket.socket) -> None:
    """Turn this copy into the kernel that is asked for, as if it were a new process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    told = json.loads(stand_in.makefile().readline())
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    # Quiet: started by no Jupyter that it knows of, it would explain how to connect.
    sys.argv = ["ipykernel_launcher", "--quiet", *told["options"]]
    threading.Thread(target=_end_with, args=[stand_in], daemon=True).start()
    import_module("ipykernel.kernelapp").launch_new_instance()
    os._exit(0)


def _end_with(stand_in: socket.socket) -> None:
    stand_in.recv(1)  # nothing is ever sent: it comes back when the other end is gone
    os._exit(1)


def ask(path: str, options: list[str]) -> None:
    """Ask for a kernel, and wait for its end, or for that of who started this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter ends it in other ways, too
    parent = os.getppid()
    told = {"environment": dict(os.environ), "folder": os.getcwd(), "options": options}
    with socket.socket(socket.AF_UNIX) as kernel:
        kernel.connect(path)
        kernel.sendall(json.dumps(told).encode() + b"\n")
        ended: list[socket.socket] = []
        while not ended and os.getppid() == parent:
            ended, _, _ = select.select([kernel], [], [], 1.0)


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    if first.isdecimal():
        nurse(socket.socket(fileno=int(first)), rest)
    else:
        ask(first, rest)
