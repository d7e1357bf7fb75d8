"""Child processes: each with a log of its own, found again and ended by its id."""
import ctypes
import os
import signal
import subprocess
import time

PATIENCE = 60  # seconds, for what must happen and would otherwise hang the run
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """Something that must happen did not."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def await_(condition, what, patience=PATIENCE):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {patience} s for {what}")
        time.sleep(0.05)
    return value


def output_of(arguments, stdin=None, patience=PATIENCE):
    """What a command prints on stdout; it must succeed."""
    command = " ".join(map(str, arguments))
    try:
        ended = subprocess.run(
            arguments, input=stdin, capture_output=True, text=True, timeout=patience
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"waited {patience} s for: {command}") from None
    if ended.returncode:
        raise Failed(f"{command}: exit {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


def _identity(pid):
    """What tells a process from a later one with the same id: its start; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


class Process:
    """A running program in FOLDER, with its log in NAME.log, its id and start in NAME.pid.

    It dies with the thread that started it, unless it is a `daemon`.
    """

    def __init__(self, name, arguments, folder, environment=None, daemon=False):
        self.name = name
        self.log = f"{folder}/{name}.log"
        self.record = f"{folder}/{name}.pid"

        def before_exec():
            if not daemon:
                _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                arguments,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
                preexec_fn=before_exec,
                start_new_session=True,  # a terminal's ^C is for the one who started us
            )
        with open(self.record, "w") as record:
            record.write(f"{self.child.pid} {_identity(self.child.pid)}\n")

    def lines(self):
        with open(self.log, errors="replace") as log:
            return log.read().splitlines()

    def check(self):
        """Fails with its last words if it has ended."""
        if self.child.poll() is not None:
            last = "\n".join(self.lines()[-5:])
            raise Failed(f"{self.name} ended with {self.child.returncode}:\n{last}")

    def await_(self, condition, what, patience=PATIENCE):
        """As await_(), for something that needs this process alive."""

        def alive():
            self.check()
            return condition()

        return await_(alive, f"{self.name}: {what}", patience)

    def await_line(self, text, patience=PATIENCE):
        def found():
            return next((line for line in self.lines() if text in line), None)

        return self.await_(found, f"a log line with: {text}", patience)

    def stop(self, number=signal.SIGTERM, patience=10):
        """Ends it, with violence when it does not end by itself."""
        self.child.send_signal(number)
        try:
            self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        if os.path.exists(self.record):
            os.remove(self.record)


def stop_recorded(folder, patience=10):
    """Ends the processes that an earlier run left behind in a folder, by their records."""
    records = [f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".pid")]
    alive = []
    for record in records:
        with open(record) as text:
            pid, identity = text.read().split()
        if _identity(pid) == identity:
            os.kill(int(pid), signal.SIGTERM)
            alive.append((int(pid), identity))
    try:
        await_(lambda: not [p for p, i in alive if _identity(p) == i], "an end", patience)
    except Failed:
        for pid, identity in alive:
            if _identity(pid) == identity:
                os.kill(pid, signal.SIGKILL)
    for record in records:
        os.remove(record)
