"""Runs every check of checks.py in turn, in namespaces that run.sh made.

usage: run.py full|short FOLDER FOLDERS_OF_PROGRAMS: kube ocm coredns pods ours
"""
import os
import sys
import threading
import time
import traceback

import checks
from lab import Lab, Programs
from process import Failed


def run_check(lab, check):
    """Prints a row; false when something went wrong."""
    started = time.monotonic()
    failure = None
    try:
        seen = check(lab)
    except Failed as expected:
        failure = str(expected)
    except Exception:  # whatever it is, it is this check that failed
        failure = traceback.format_exc()
    outcome = "FAILED" if failure else "ok"
    print(f"{outcome:<7}{time.monotonic() - started:6.1f} s  {check.__doc__}", flush=True)
    for line in (failure or seen or "").splitlines():
        print(f"                 {line}", flush=True)
    return not failure


def end_with_stdin():
    """Ends this process, and with it the namespaces, when the script that made them is gone."""

    def wait():
        os.read(sys.stdin.fileno(), 1)
        os._exit(130)

    threading.Thread(target=wait, daemon=True).start()


def main():
    end_with_stdin()
    form, folder, *programs = sys.argv[1:]
    full = form == "full"
    lab = Lab(folder, Programs(*programs), ["paris", "tokyo"] if full else ["paris"], full)
    try:
        results = [run_check(lab, check) for check in checks.of(full)]
    finally:
        lab.stop()
    print(f"kubernetes: {sum(results)} of {len(results)} checks ok")
    sys.exit(not all(results))


main()
