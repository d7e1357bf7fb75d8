"""One real kube-apiserver on loopback, for tests that need nothing more. For apiserver.sh."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from cluster import Cluster, free_port
from process import Failed, stop_recorded


def run(programs, controllers, command):
    """Runs a command with a cluster of its own; returns its exit code."""
    with tempfile.TemporaryDirectory(prefix="hawser-apiserver.") as folder:
        cluster = Cluster("test", folder, programs, "127.0.0.1", free_port())
        try:
            cluster.start(controllers)
            cluster.await_ready()
            os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
            os.environ["KUBECONFIG"] = os.environ["HAWSER_KUBE_APISERVER"] = cluster.admin
            return subprocess.run(command).returncode
        finally:
            cluster.stop()


def start(programs, controllers, folder):
    """Leaves a cluster running, with its state in a new folder; says how to reach it."""
    os.mkdir(folder, mode=0o700)
    cluster = Cluster("test", folder, programs, "127.0.0.1", free_port())
    try:
        cluster.start(controllers, daemons=True)
        cluster.await_ready()
    except BaseException:
        cluster.stop()
        raise
    print(f"export KUBECONFIG={cluster.admin} PATH={programs}:$PATH")


def stop(folder):
    stop_recorded(folder)
    shutil.rmtree(folder)


def main():
    programs, action, *arguments = sys.argv[1:]
    controllers = arguments[:1] == ["--controllers"]
    if controllers:
        del arguments[0]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if action == "run" and arguments:
        sys.exit(run(programs, controllers, arguments))
    if action == "start" and len(arguments) == 1:
        return start(programs, controllers, arguments[0])
    if action == "stop" and len(arguments) == 1:
        return stop(arguments[0])
    sys.exit(f"apiserver: no such action: {action}")


try:
    main()
except (Failed, OSError) as failure:
    sys.exit(f"apiserver: {failure}")
