"""The control plane of one cluster: etcd, kube-apiserver, kube-controller-manager."""
import base64
import ipaddress
import json
import os
import socket

import pki
from process import PATIENCE, Failed, Process, output_of

_DOMAIN = "cluster.local"
_HELM_PATIENCE = 300  # seconds: its own hooks and tests give up earlier
_ISSUER = f"https://kubernetes.default.svc.{_DOMAIN}"


def free_port():
    """A TCP port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _base64(path):
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


class Cluster:
    """A cluster whose apiserver listens on one address, with everything it needs in one folder.

    `enter` is the command that runs another one in the cluster's network.
    """

    def __init__(
        self, name, folder, programs, address, port, service_cidr="10.96.0.0/16", enter=()
    ):
        self.name = name
        self.folder = os.path.abspath(folder)
        self.programs = programs
        self.address = address
        self.port = port
        self.service_cidr = service_cidr
        self.enter = list(enter)
        self.url = f"https://{address}:{port}"
        self.admin = f"{self.folder}/admin.kubeconfig"
        self.processes = []
        self._pki = f"{self.folder}/pki"

    def start(self, controllers=True, daemons=False):
        """Starts all processes; await_ready() tells when they serve."""
        os.makedirs(self.folder, exist_ok=True)
        self._make_pki()
        self._run("etcd", self._etcd(), daemons)
        self._run("kube-apiserver", self._apiserver(), daemons)
        if controllers:
            self._run("kube-controller-manager", self._controller_manager(), daemons)

    def await_ready(self):
        """Until the API serves, and where there are controllers, until they work."""
        apiserver = self._apiserver_process()
        url = f"{self.url}/readyz"
        probe = ["curl", "-sf", "--max-time", "5", "--cacert", self.ca.certificate]
        probe += ["--cert", f"{self._pki}/admin.crt", "--key", f"{self._pki}/admin.key", url]
        probe = f"{' '.join(probe)} || true"
        apiserver.await_(lambda: self.output(["sh", "-c", probe]) == "ok", "readyz")
        if len(self.processes) > 2:
            self.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")

    def stop_apiserver(self):
        """Until start_apiserver() the cluster has no API."""
        self._apiserver_process().stop()

    def start_apiserver(self):
        self.processes.remove(self._apiserver_process())
        self._run("kube-apiserver", self._apiserver())
        self.await_ready()

    def _apiserver_process(self):
        return next(each for each in self.processes if each.name == "kube-apiserver")

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def output(self, arguments, stdin=None, patience=PATIENCE):
        """What a command prints that runs in the cluster's network."""
        return output_of([*self.enter, *arguments], stdin, patience)

    def kubectl(self, *arguments, stdin=None, kubeconfig=None, patience=PATIENCE):
        command = [f"{self.programs}/kubectl", f"--kubeconfig={kubeconfig or self.admin}"]
        return self.output([*command, *arguments], stdin, patience)

    def helm(self, *arguments):
        homes = (f"HELM_{what}_HOME={self.folder}/helm" for what in ("CACHE", "CONFIG", "DATA"))
        command = ["env", *homes, f"{self.programs}/helm", f"--kubeconfig={self.admin}"]
        return self.output([*command, *arguments], patience=_HELM_PATIENCE)

    def get(self, *arguments):
        """An object, or a list of them, as a dictionary."""
        return json.loads(self.kubectl("get", "-o=json", *arguments))

    def secret(self, name, namespace):
        """What is in it, in Base64; nothing when there is none."""
        try:
            return self.get(f"secret/{name}", f"--namespace={namespace}").get("data", {})
        except Failed:
            return {}

    def apply(self, *objects):
        """Creates the objects, given as dictionaries, or changes them."""
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--server-side", "-f=-", stdin=json.dumps(items))

    def kubeconfig(self, name, subject):
        """FOLDER/NAME.kubeconfig with a client certificate for `subject`, as openssl writes it."""
        certificate, key = self.ca.issue(name, subject, "clientAuth")
        user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        return self.write_kubeconfig(f"{self.folder}/{name}.kubeconfig", user)

    def write_kubeconfig(self, path, user, **more):
        """A kubeconfig for the given user, as a dictionary; `more` goes into its context."""
        ca = _base64(self.ca.certificate)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": self.name,
                    "cluster": {"server": self.url, "certificate-authority-data": ca},
                }
            ],
            "users": [{"name": "user", "user": user}],
            "contexts": [
                {"name": self.name, "context": {"cluster": self.name, "user": "user", **more}}
            ],
            "current-context": self.name,
        }
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(config, file, indent=1)
        return path

    def _run(self, program, flags, daemon=False):
        command = [*self.enter, f"{self.programs}/{program}"]
        command += [f"--{name}={value}" for name, value in flags.items()]
        self.processes.append(Process(program, command, self.folder, daemon=daemon))

    def start_scheduler(self):
        """For clusters that have a node."""
        kubeconfig = self.kubeconfig("scheduler", "/CN=system:kube-scheduler")
        flags = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        flags = {flag: kubeconfig for flag in flags} | {"secure-port": 0, "leader-elect": "false"}
        self._run("kube-scheduler", flags)

    def _make_pki(self):
        service = str(ipaddress.ip_network(self.service_cidr)[1])
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names.append(f"kubernetes.default.svc.{_DOMAIN}")
        self.ca = pki.Authority(self._pki, "ca", "/CN=kubernetes")
        front = pki.Authority(self._pki, "front-proxy-ca", "/CN=front-proxy")
        front.issue("front-proxy", "/CN=front-proxy-client", "clientAuth")
        addresses = {f"IP:{address}" for address in ("127.0.0.1", self.address, service)}
        self.ca.issue(
            "apiserver",
            "/CN=kube-apiserver",
            "serverAuth",
            [*addresses, *(f"DNS:{name}" for name in names)],
        )
        pki.make_key_pair(self._pki, "tokens")
        self.ca.issue("kubelet-client", "/O=system:masters/CN=kube-apiserver", "clientAuth")
        self.kubeconfig("admin", "/O=system:masters/CN=admin")
        self.kubeconfig("controller-manager", "/CN=system:kube-controller-manager")

    def _etcd(self):
        # Unix sockets in its folder: it asks nobody for a certificate. The 0 is for its parser.
        clients, peers = "unix://etcd:0", "unix://etcd-peers:0"
        return {
            "name": self.name,
            "data-dir": "etcd",
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"{self.name}={peers}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }

    def _apiserver(self):
        pki_folder = self._pki
        loopback = ipaddress.ip_address(self.address).is_loopback
        return {
            "etcd-servers": f"unix://{self.folder}/etcd:0",
            "bind-address": self.address,
            "secure-port": self.port,
            "endpoint-reconciler-type": "none" if loopback else "lease",
            "advertise-address": self.address,
            "service-cluster-ip-range": self.service_cidr,
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            "client-ca-file": self.ca.certificate,
            "tls-cert-file": f"{pki_folder}/apiserver.crt",
            "tls-private-key-file": f"{pki_folder}/apiserver.key",
            "service-account-issuer": _ISSUER,
            "api-audiences": _ISSUER,
            "service-account-key-file": f"{pki_folder}/tokens.pub",
            "service-account-signing-key-file": f"{pki_folder}/tokens.key",
            "kubelet-certificate-authority": self.ca.certificate,
            "kubelet-client-certificate": f"{pki_folder}/kubelet-client.crt",
            "kubelet-client-key": f"{pki_folder}/kubelet-client.key",
            "kubelet-preferred-address-types": "InternalIP",
            "requestheader-client-ca-file": f"{pki_folder}/front-proxy-ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": f"{pki_folder}/front-proxy.crt",
            "proxy-client-key-file": f"{pki_folder}/front-proxy.key",
        }

    def _controller_manager(self):
        kubeconfig = f"{self.folder}/controller-manager.kubeconfig"
        return {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": "127.0.0.1",
            "secure-port": 0,
            "use-service-account-credentials": "true",
            "service-account-private-key-file": f"{self._pki}/tokens.key",
            "root-ca-file": self.ca.certificate,
            "cluster-signing-cert-file": self.ca.certificate,
            "cluster-signing-key-file": self.ca.key,
            "leader-elect": "false",
        }
