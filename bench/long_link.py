"""A long link between two network namespaces of one's own: the near end is this process's, the far
end is the emulator's (bench/link.cc). No root is needed.

    enter_namespace()
    with LongLink(folder, delay_ms=25, mbit=1000, queue_bytes=1_000_000) as link:
        subprocess.run(link.far("curl", f"http://{LongLink.NEAR}:8000/"))
"""

import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("HAWSER_BIN", ROOT / "bazel-bin"))
INSIDE = "HAWSER_LINK_NAMESPACE"
START_LIMIT = 10  # seconds


def enter_namespace():
    """Starts this program again as the root of new user and network namespaces, unless it is."""
    if os.environ.pop(INSIDE, None):
        return
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid",
                          "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])


def set_in_all_namespaces(link, settings):
    """Sysctls of the network, {"net/ipv4/tcp_wmem": "4096 16384 33554432"}."""
    for path, value in settings.items():
        script = f"echo {value} >/proc/sys/{path}"
        subprocess.run(["sh", "-c", script], check=True)
        subprocess.run(link.far("sh", "-c", script), check=True)


class LongLink:
    NEAR = "10.77.0.1"
    FAR = "10.77.0.2"

    def __init__(self, folder, **options):
        """`options` are those of bench/link, with underscores; True for one without a value."""
        self._log = pathlib.Path(folder) / "link.log"
        self._options = []
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            self._options += [option] if value is True else [option, str(value)]
        self._process = None

    def __enter__(self):
        with open(self._log, "w") as log:
            self._process = subprocess.Popen(
                [BIN / "bench/link", "--with-parent", *self._options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_LIMIT
        while not re.search(r"^far namespace: \d+$", self._log.read_text(), re.MULTILINE):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"no link: {self._log.read_text().strip()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def far(self, *command):
        """The command that runs `command` at the far end."""
        return ["nsenter", f"--net=/proc/{self._process.pid}/ns/net", *map(str, command)]
