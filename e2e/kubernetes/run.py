"""Runs every check of checks.py in turn, in namespaces that run.sh made.

usage: run.py full|short STAY FOLDER FOLDERS_OF_PROGRAMS: kube ocm coredns pods ours
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


HOW_TO_PLAY = """
In another terminal:
  nsenter --net --mount --pid{privilege} --target $(pgrep -of "run.py .*{folder}")
  export PATH={programs.kube}:{programs.ours}/cli:$PATH KUBECONFIG={folder}/hub/admin.kubeconfig
  export HAWSER_HUB={user} HAWSER_CA={folder}/addon/ca.crt
  export HAWSER_CERT={folder}/addon/tls.crt HAWSER_KEY={folder}/addon/tls.key
  hawser get clusters
  kubectl get managedclusters
  nsenter --net=/run/netns/paris kubectl --kubeconfig={folder}/paris/admin.kubeconfig get pods -A
Enter ends it."""


def main():
    end_with_stdin()
    form, stay, folder, *programs = sys.argv[1:]
    full = form == "full"
    programs = Programs(*programs)
    lab = Lab(folder, programs, ["paris", "tokyo"] if full else ["paris"], full)
    try:
        results = [run_check(lab, check) for check in checks.of(full)]
        print(f"kubernetes: {sum(results)} of {len(results)} checks ok", flush=True)
        if stay == "1":
            privilege = "" if full else " --user --preserve-credentials"
            facts = {"privilege": privilege, "folder": folder, "programs": programs}
            facts["user"] = os.environ.get("HAWSER_HUB")
            print(HOW_TO_PLAY.format(**facts), flush=True)
            threading.Event().wait()
    finally:
        lab.stop()
    sys.exit(not all(results))


main()
