"""Deployments as processes, for clusters without a node."""
import base64
import os
import threading

from process import Process

_PROGRAMS = {
    "/proxy-server": "hub/proxy-server",
    "/proxy-agent": "spoke/proxy-agent",
    "/addon-manager": "addon-manager/addon-manager",
}
# What a kubelet would put into variables, of a node that has no address of the cluster's.
_FIELDS = {"metadata.uid": "1", "status.hostIP": "192.0.2.1"}
_REFRESH = 0.5  # seconds


def _value(variable):
    """Of an environment variable of a container."""
    if "value" in variable:
        return variable["value"]
    return _FIELDS[variable["valueFrom"]["fieldRef"]["fieldPath"]]


def _replace(path, content):
    """Nobody sees half a file."""
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.rename(f"{path}.new", path)


class DeploymentProcess:
    """One replica of a Deployment's pod, as a process in the cluster's network.

    Its volumes are folders that follow the Secrets and ConfigMaps; it is its service account to the
    API server. Where the Deployment has changed, restart() does what a roll-out would.
    """

    def __init__(self, cluster, binaries, namespace, name, account=True):
        self.cluster = cluster
        self.binaries = binaries
        self.name = name
        self.folder = f"{cluster.folder}/{name}"
        self._namespace = namespace
        self._account = account
        self._process = None
        self._written = {}
        self._ended = threading.Event()
        os.makedirs(self.folder, exist_ok=True)

    def start(self):
        where = f"--namespace={self._namespace}"
        self.cluster.kubectl("wait", "--for=create", f"deployment/{self.name}", where)
        deployment = self.cluster.get(f"deployment/{self.name}", where)
        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        self._volumes = pod.get("volumes", [])
        for volume in self._volumes:
            source = volume.get("secret", {}).get("secretName")
            source = source or volume.get("configMap", {}).get("name")
            if source:
                kind = "secret" if "secret" in volume else "configmap"
                self.cluster.kubectl("wait", "--for=create", f"{kind}/{source}", where)
        self._refresh()
        paths = {
            mount["mountPath"]: f"{self.folder}/{mount['name']}"
            for mount in container.get("volumeMounts", [])
        }

        def inside(argument):
            for path, folder in paths.items():
                argument = argument.replace(path, folder)
            return argument

        program = f"{self.binaries}/{_PROGRAMS[container['command'][0]]}"
        arguments = [inside(argument) for argument in container["args"]]
        if self._account:
            arguments.append(f"--kubeconfig={self._service_account(pod['serviceAccountName'])}")
        environment = {each["name"]: _value(each) for each in container.get("env", [])}
        self._ended.clear()
        self._process = Process(
            self.name, [*self.cluster.enter, program, *arguments], self.folder, environment
        )
        threading.Thread(target=self._follow, daemon=True).start()
        self._process.await_line("ready")

    def stop(self, *signal):
        if self._process:
            self._ended.set()
            self._process.stop(*signal)
            self._process = None

    def restart(self):
        self.stop()
        self.start()

    def id(self):
        """Of the process: another one after a restart. Fails when it has ended."""
        self._process.check()
        return self._process.child.pid

    def lines(self):
        return self._process.lines()

    def await_line(self, text):
        return self._process.await_line(text)

    def _service_account(self, name):
        token = self.cluster.kubectl(
            "create", "token", name, f"--namespace={self._namespace}", "--duration=2h"
        )
        path = f"{self.folder}/account.kubeconfig"
        return self.cluster.write_kubeconfig(path, {"token": token}, namespace=self._namespace)

    def _follow(self):
        while not self._ended.wait(_REFRESH):
            try:
                self._refresh()
            except Exception:  # a Secret that is gone keeps its last content, as in a pod
                continue

    def _refresh(self):
        for volume in self._volumes:
            folder = f"{self.folder}/{volume['name']}"
            os.makedirs(folder, exist_ok=True)
            for file, content in self._content(volume).items():
                path = f"{folder}/{file}"
                if self._written.get(path) != content:
                    _replace(path, content)
                    self._written[path] = content

    def _content(self, volume):
        where = f"--namespace={self._namespace}"
        if "secret" in volume:
            secret = self.cluster.get(f"secret/{volume['secret']['secretName']}", where)
            return {name: base64.b64decode(value) for name, value in secret["data"].items()}
        if "configMap" in volume:
            data = self.cluster.get(f"configmap/{volume['configMap']['name']}", where)["data"]
            return {name: value.encode() for name, value in data.items()}
        return {}
