#!/usr/bin/env python3
"""The targets of neighbours.py, in a process of their own, and the name server that knows them.

web.test sends without end to who asks for it and echoes to everybody else, also for bob, who has a
listener of his own; nobody is let in at stuck.test; names below dead.test have no answer.
"""

import contextlib
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e/names"))

from name_server import NXDOMAIN, SILENCE, NameServer

NAME_SERVER = "127.0.0.53"
BOBS_PORT, ENDLESS_PORT, STUCK_PORT = 7001, 7002, 7003
# As they are dialled.
BOBS = f"web.test.bench:{BOBS_PORT}"
ENDLESS = f"web.test.bench:{ENDLESS_PORT}"
STUCK = f"stuck.test.bench:{STUCK_PORT}"


def ask_it_for_names(folder):
    """This mount namespace asks the name server here."""
    for name, text in (("resolv.conf", f"nameserver {NAME_SERVER}\n"), ("hosts", "")):
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True)


def answer(name, _kind):
    if name.endswith("dead.test"):
        return SILENCE
    return ["127.0.0.1"] if name in ("web.test", "stuck.test") else NXDOMAIN


def serve(connection):
    with contextlib.suppress(OSError), connection:
        while said := connection.recv(4096):
            while said == b"endless":
                connection.sendall(bytes(65536))
            connection.sendall(said)


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def fill(port):
    """From here on its backlog is full, and the kernel drops requests."""
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(("127.0.0.1", port))
        fillers.append(filler)
    return fillers


def main():
    names = NameServer(NAME_SERVER)
    names.ttl = 0
    names.answer = answer
    for port in (BOBS_PORT, ENDLESS_PORT):
        listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    stuck = socket.create_server(("127.0.0.1", STUCK_PORT), backlog=0)
    fillers = fill(STUCK_PORT)
    print("listening", flush=True)
    while stuck and fillers:
        time.sleep(1)


if __name__ == "__main__":
    main()
