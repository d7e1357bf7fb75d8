"""Our own part in pods of our image, where there are nodes: restricted, and with cluster DNS."""
import base64
import json
import os

import tunnel
from network import HUB_ADDRESS

_FILES = "/certificates"
_USER = 65532  # of the image


def _secret(name, files):
    data = {}
    for flag, path in files.items():
        with open(path, "rb") as file:
            data[flag] = base64.b64encode(file.read()).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _named(name), "data": data}


def _named(name):
    return {"name": name, "namespace": "default"}


def _deployment(name, image, ready, files, flags):
    """A Deployment of program `name`, whose `files` are in the Secret of the same name.

    `ready` is what its readiness probe asks for, as an httpGet.
    """
    flags = {flag: f"{_FILES}/{flag}" for flag in files} | flags
    container = {
        "name": name,
        "image": image,
        "command": [f"/{name}", *(f"--{flag}={value}" for flag, value in flags.items())],
        "readinessProbe": {"httpGet": ready, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "files", "mountPath": _FILES, "readOnly": True}],
    }
    secret = {"secretName": name, "defaultMode": 0o440}
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "fsGroup": _USER},
        "containers": [container],
        "volumes": [{"name": "files", "secret": secret}],
    }
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _named(name),
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


class Tunnel(tunnel.Tunnel):
    """As tunnel.Tunnel. The agent's pod is brought by a ManifestWork, as an add-on's is."""

    def __init__(self, folder, binaries, hub, nodes):
        super().__init__(folder, binaries)
        self._hub = hub
        self._nodes = nodes

    def start_hub(self):
        image = self._nodes["hub"].import_image(f"{self.binaries}/images/hawser.tar")
        files = self.hub_files()
        control = f"{self.folder}/control"
        os.chown(control, _USER, _USER)
        flags = {"agent-identity": "certificate", "control-uds-name": f"{control}/socket"}
        # Not /readyz: a hub is ready once it has agents, and they come through the Service.
        alive = {"path": "/healthz", "port": 8092}
        deployment = _deployment("proxy-server", image, alive, files, flags)
        pod = deployment["spec"]["template"]["spec"]
        pod["volumes"].append({"name": "control", "hostPath": {"path": control}})
        pod["containers"][0]["volumeMounts"].append({"name": "control", "mountPath": control})
        ports = [{"name": f"port-{port}", "port": port} for port in (8090, 8091)]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _named("proxy-server"),
            "spec": {
                "type": "LoadBalancer", "selector": {"app": "proxy-server"}, "ports": ports
            },
        }
        self._hub.apply(_secret("proxy-server", files), deployment, service)
        self._balance_load()
        self._hub.kubectl("rollout", "status", "deployment/proxy-server", "--timeout=60s")

    def _balance_load(self):
        """What a cloud does for a Service that asks for a load balancer."""
        status = {"loadBalancer": {"ingress": [{"ip": HUB_ADDRESS, "ipMode": "VIP"}]}}
        patch = ("--type=merge", f"--patch={json.dumps({'status': status})}")
        self._hub.kubectl("patch", "service/proxy-server", "--subresource=status", *patch)

    def start_agent(self, cluster):
        if cluster.name not in self._nodes:
            return super().start_agent(cluster)
        image = self._nodes[cluster.name].import_image(f"{self.binaries}/images/hawser.tar")
        files = self.agent_files(cluster)
        flags = {"proxy-server-host": HUB_ADDRESS}
        deployment = _deployment(
            "proxy-agent", image, {"path": "/readyz", "port": 8093}, files, flags
        )
        self._hub.apply(
            {
                "apiVersion": "work.open-cluster-management.io/v1",
                "kind": "ManifestWork",
                "metadata": {"name": "proxy-agent", "namespace": cluster.name},
                "spec": {"workload": {"manifests": [_secret("proxy-agent", files), deployment]}},
            }
        )
