"""Our own part as processes: a proxy-server on the hub, a proxy-agent in each managed cluster."""
import json
import os

from network import API_SERVICE, HUB_ADDRESS, SERVICES, WEB_SERVICE
from process import Process, await_, output_of


class Tunnel:
    """Daemons with certificates of `hawser pki`, and the commands that users type."""

    def __init__(self, folder, binaries):
        self.folder = folder
        self.binaries = binaries
        self.processes = []
        os.makedirs(folder)
        self._pki = f"{folder}/pki"
        self._make("init")
        self._make("server", "hub", "--san", f"ip:{HUB_ADDRESS}")
        self._make("client", "alice")
        alice = f"{self._pki}/clients/alice"
        os.environ |= {
            "HAWSER_HUB": f"{HUB_ADDRESS}:8090",
            "HAWSER_CONTROL": f"unix:{folder}/control/socket",
            "HAWSER_CA": f"{alice}/ca.crt",
            "HAWSER_CERT": f"{alice}/tls.crt",
            "HAWSER_KEY": f"{alice}/tls.key",
        }
        os.mkdir(f"{folder}/control")

    def hub_files(self):
        """The flags of proxy-server that name files."""
        server = f"{self._pki}/servers/hub"
        return {
            "server-cert": f"{server}/tls.crt",
            "server-key": f"{server}/tls.key",
            "server-ca-cert": f"{self._pki}/ca/clients.crt",
            "cluster-cert": f"{server}/tls.crt",
            "cluster-key": f"{server}/tls.key",
            "cluster-ca-cert": f"{self._pki}/ca/agents.crt",
        }

    def agent_files(self, cluster):
        """The flags of proxy-agent that name files, with a certificate for this cluster."""
        self._make("agent", cluster.name)
        certificates = f"{self._pki}/agents/{cluster.name}"
        config = f"{self.folder}/agent.yaml"
        with open(config, "w") as allowed:
            json.dump({"allow": [{"cidrs": [SERVICES], "ports": [80, 443]}]}, allowed)
        return {
            "ca-cert": f"{certificates}/ca.crt",
            "agent-cert": f"{certificates}/tls.crt",
            "agent-key": f"{certificates}/tls.key",
            "config": config,
        }

    def start_hub(self):
        flags = {
            "server-bind-address": HUB_ADDRESS,
            "agent-bind-address": HUB_ADDRESS,
            "health-bind-address": "127.0.0.1",
            "control-uds-name": f"{self.folder}/control/socket",
            "agent-identity": "certificate",
        }
        self._run("proxy-server", [f"{self.binaries}/hub/proxy-server"], self.hub_files() | flags)

    def start_agent(self, cluster):
        flags = {
            "proxy-server-host": HUB_ADDRESS,
            "kube-apiserver": f"{API_SERVICE}:443",
            "resolve": f"web.default.svc={WEB_SERVICE}",
        }
        command = [*cluster.enter, f"{self.binaries}/spoke/proxy-agent"]
        self._run(f"proxy-agent-{cluster.name}", command, self.agent_files(cluster) | flags)

    def hawser(self, *arguments, stdin=None):
        return output_of([f"{self.binaries}/cli/hawser", *arguments], stdin)

    def forward(self, name, port, target):
        """A `hawser port-forward` that listens."""
        process = Process(
            f"port-forward-{name}",
            [f"{self.binaries}/cli/hawser", "port-forward", name, f"{port}:{target}"],
            self.folder,
        )
        process.await_line("forwarding")
        return process

    def await_connected(self, names):
        def connected():
            seen = json.loads(self.hawser("get", "clusters", "--output=json"))
            return {cluster["name"] for cluster in seen["clusters"]} >= set(names)

        await_(connected, f"agents of {', '.join(names)}")

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def _make(self, *arguments):
        self.hawser("pki", f"--dir={self._pki}", *arguments)

    def _run(self, name, command, flags):
        command = [*command, *(f"--{flag}={value}" for flag, value in flags.items())]
        process = Process(name, command, self.folder)
        self.processes.append(process)
        process.await_line("ready")
