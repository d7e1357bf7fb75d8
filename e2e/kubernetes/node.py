"""A node that runs pods: containerd, kubelet and kube-proxy, in the network of its cluster.

Needs root, and a mount namespace of its own, where all that is mounted ends with its processes.
"""
import glob
import json
import os

import image
from network import DNS_SERVICE, PODS
from process import Process, output_of

_CGROUPS = "/sys/fs/cgroup"
_SANDBOX = "hawser.example/hold:1"

# What kubelet insists that the kernel is set to. It reads them here and leaves the machine alone.
_KERNEL = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}


def shield_kernel(folder):
    """Once per mount namespace, before the first node."""
    os.makedirs(folder)
    for name, value in _KERNEL.items():
        path = f"{folder}/{os.path.basename(name)}"
        with open(path, "w") as file:
            file.write(f"{value}\n")
        output_of(["mount", "--bind", path, f"/proc/sys/{name}"])


def _make_cgroup(name):
    """A cgroup of this name in every hierarchy, with what its children cannot do without."""
    if os.path.exists(f"{_CGROUPS}/cgroup.controllers"):
        with open(f"{_CGROUPS}/cgroup.controllers") as controllers:
            enabled = " ".join(f"+{controller}" for controller in controllers.read().split())
        with open(f"{_CGROUPS}/cgroup.subtree_control", "w") as control:
            control.write(enabled)
        os.mkdir(f"{_CGROUPS}/{name}")
        return
    for hierarchy in os.listdir(_CGROUPS):
        os.mkdir(f"{_CGROUPS}/{hierarchy}/{name}")
    for setting in ("cpuset.cpus", "cpuset.mems"):
        with open(f"{_CGROUPS}/cpuset/{setting}") as whole:
            with open(f"{_CGROUPS}/cpuset/{name}/{setting}", "w") as own:
                own.write(whole.read())


class Node:
    """The one node of a cluster, called node; images come from archives."""

    def __init__(self, cluster, cgroup, programs):
        self.cluster = cluster
        self.cgroup = cgroup
        self.folder = f"{cluster.folder}/node"
        self.processes = []
        self._socket = f"{self.folder}/containerd.sock"
        self._program = f"{programs}/pods"

    def start(self):
        os.makedirs(f"{self.folder}/cni")
        os.makedirs(f"{self.folder}/manifests")
        _make_cgroup(self.cgroup)
        self._start_containerd()
        self.add_image(_SANDBOX, [self._program], ["/pods", "hold"])
        self._start_kubelet()
        self._start_kube_proxy()

    def add_image(self, name, programs, entrypoint=()):
        """An image of the given programs, for pods that ask for `name`."""
        archive = f"{self.folder}/image.tar"
        image.write(archive, name, programs, entrypoint)
        self.import_image(archive)
        os.remove(archive)

    def import_image(self, archive):
        """The image in an OCI archive, by the name that pods can ask for."""
        ctr = ["ctr", f"--address={self._socket}", "--namespace=k8s.io", "images"]
        output_of([*ctr, "import", archive])
        name = image.name_in(archive)
        if "/" not in name:
            # As kubelet completes such names.
            output_of([*ctr, "tag", name, f"docker.io/library/{name}"])
        return name

    def await_ready(self):
        kubectl = self.cluster.kubectl
        kubectl("wait", "--for=create", "node/node", "--timeout=60s")
        kubectl("wait", "--for=condition=Ready", "node/node", "--timeout=60s")

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def _run(self, name, arguments):
        process = Process(name, [*self.cluster.enter, *arguments], self.folder)
        self.processes.append(process)
        return process

    def _write(self, name, content):
        path = f"{self.folder}/{name}"
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def _start_containerd(self):
        network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "pods",
                    "isGateway": True,
                    "ipMasq": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": f"{self.folder}/addresses",
                        "ranges": [[{"subnet": PODS}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
        self._write("cni/10-pods.conflist", network)
        config = self._write("containerd.toml", _CONTAINERD.format(
            folder=self.folder, socket=self._socket, sandbox=_SANDBOX
        ))
        containerd = self._run("containerd", ["containerd", f"--config={config}"])
        containerd.await_line("containerd successfully booted")

    def _start_kubelet(self):
        cluster = self.cluster
        kubeconfig = cluster.kubeconfig("kubelet", "/O=system:nodes/CN=system:node:node")
        certificate, key = cluster.ca.issue(
            "kubelet-serving", "/O=system:nodes/CN=system:node:node", "serverAuth",
            ["DNS:node", f"IP:{cluster.address}"],
        )
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": cluster.ca.certificate},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": certificate,
            "tlsPrivateKeyFile": key,
            "staticPodPath": f"{self.folder}/manifests",
            "podLogsDir": f"{self.folder}/logs",
            "clusterDomain": "cluster.local",
            "clusterDNS": [DNS_SERVICE],
            "resolvConf": "",
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
            "serializeImagePulls": False,
            "maxPods": 50,
            "syncFrequency": "10s",  # how soon pods see that a Secret has changed
        }
        self._run("kubelet", [
            f"{cluster.programs}/kubelet",
            f"--config={self._write('kubelet.json', config)}",
            f"--root-dir={self.folder}/kubelet",
            f"--kubeconfig={kubeconfig}",
            "--hostname-override=node",
            f"--node-ip={cluster.address}",
        ])

    def _start_kube_proxy(self):
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {
                "kubeconfig": self.cluster.kubeconfig("kube-proxy", "/CN=system:kube-proxy")
            },
            "clusterCIDR": PODS,
            "hostnameOverride": "node",
            "conntrack": {"maxPerCore": 0, "min": 0},
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
        }
        program = f"{self.cluster.programs}/kube-proxy"
        path = self._write("kube-proxy.json", config)
        self._run("kube-proxy", [program, f"--config={path}"])


_CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
"""
