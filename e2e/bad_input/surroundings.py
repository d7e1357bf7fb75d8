"""What other systems start the binaries with: their command lines, limits and signals. Each case
returns what it saw."""
import os
import resource
import signal

from cases import FREE_PORTS, refused_start
from lab import AGENT_FLAGS, HUB_FLAGS, Daemon, check, command

# Of agents that never find a hub.
LONELY = {"health-server-port": "0", "admin-server-port": "0", "proxy-server-port": "9"}


def other_command_lines(lab):
    """klog's flags as k0s, HyperShift and kube-up give them"""
    told = []
    for name, flags in (
        ("k0s", ["--logtostderr=true", "--stderrthreshold=1", "-v", "2"]),
        ("HyperShift", ["--logtostderr=true", "--log-file-max-size=0", "--v=1"]),
        ("kube-up", ["--log-file=kube-up.log", "--logtostderr=false", "--log_file_max_size=0"]),
    ):
        for kind, arguments in (
            ("hub", command(lab.proxy_server, HUB_FLAGS | FREE_PORTS)),
            ("agent", command(lab.proxy_agent, AGENT_FLAGS | LONELY)),
        ):
            log = "kube-up.log" if name == "kube-up" else None
            daemon = Daemon(f"{kind} of {name}", arguments + flags, log=log)
            told.append(f"{name}: {kind}: {daemon.lines()[0]}")
            daemon.stop()
            if log:
                os.remove(log)
    return told


def with_descriptors(count):
    """An argument of subprocess: both limits of descriptors."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def few_descriptors(lab):
    """a limit of descriptors that is too low"""
    told = []
    hub = command(lab.proxy_server, HUB_FLAGS | FREE_PORTS)
    for count, arguments in ((16, hub), (24, hub), (63, hub), (99, [*hub, "--threads=64"]),
                             (20, command(lab.proxy_agent, AGENT_FLAGS | LONELY))):
        told.append(refused_start(lab, arguments, 1, f"file descriptors are limited to {count}",
                                  preexec_fn=with_descriptors(count)))
    # The least that is not refused is enough to start.
    least = 64 + 12 * 2
    daemon = Daemon("hub with few descriptors", [*hub, "--threads=2"],
                    preexec_fn=with_descriptors(least))
    daemon.stop()
    return told + [f"{least} descriptors: the hub starts"]


def low_soft_limit(lab):
    """a soft limit of descriptors below the hard one"""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))

    daemon = Daemon("hub with a low soft limit", command(lab.proxy_server, HUB_FLAGS | FREE_PORTS),
                    preexec_fn=limit)
    told = daemon.await_line("limit of file descriptors raised from 256 to 4096")
    soft, _ = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    daemon.stop()
    check(soft == 4096, f"the soft limit is {soft}")
    return [told]


def user_signals(lab):
    """SIGUSR1 and SIGUSR2"""
    for daemon in (lab.hub, lab.agent):
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            daemon.process.send_signal(number)
    return ["nothing happens"]


def socket_of_a_group(lab):
    """Unix sockets that a group may use, and one that does not exist"""
    group = os.getgid()  # the only one that this namespace has
    sockets = {"uds-name": "group.sock", "http-connect-uds-name": "group-connect.sock"}
    flags = HUB_FLAGS | FREE_PORTS | sockets | {"uds-mode": "0660", "uds-group": str(group)}
    daemon = Daemon("hub with a group", command(lab.proxy_server, flags))
    modes = {path: oct(os.stat(path).st_mode & 0o777) for path in sockets.values()}
    daemon.stop()
    check(set(modes.values()) == {"0o660"}, f"modes are {modes}")
    return [f"modes: {modes}", refused_start(
        lab, command(lab.proxy_server, flags | {"uds-group": "nobody's"}), 64, "no such group")]


ALL = [
    other_command_lines, few_descriptors, low_soft_limit, user_signals, socket_of_a_group,
]
