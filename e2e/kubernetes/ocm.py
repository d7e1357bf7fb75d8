"""Open Cluster Management as plain processes: the hub's controllers, and an agent per cluster."""
import glob
import os

from process import Process, await_

NAMESPACE = "open-cluster-management"
_HUB_NAMESPACE = "open-cluster-management-hub"
_AGENT_NAMESPACE = "open-cluster-management-agent"
_BOOTSTRAP = "agent-registration-bootstrap"

# Controllers of the hub: what runs, and the port of loopback for its health.
_CONTROLLERS = {
    ("registration", "controller"): 8441,
    ("placement", "controller"): 8442,
    ("addon", "manager"): 8443,
    ("work", "manager"): 8444,
}


def _namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _rule(group, resources, *verbs):
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _bootstrap_objects():
    """Who a cluster is until its own certificate is approved, and what it may do as that."""
    account = {"name": _BOOTSTRAP, "namespace": NAMESPACE}
    role = {"name": "open-cluster-management:bootstrap"}
    group = "rbac.authorization.k8s.io"
    csrs = ["certificatesigningrequests"]
    clusters = "cluster.open-cluster-management.io"
    rules = [
        _rule("certificates.k8s.io", csrs, "create", "get", "list", "watch"),
        _rule(clusters, ["managedclusters"], "get", "list", "create"),
        _rule(clusters, ["managedclustersets/join"], "create"),
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": role,
            "rules": rules,
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": role,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", **role},
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    ]


def _install_crds(cluster, folder):
    files = [f"--filename={file}" for file in sorted(glob.glob(f"{folder}/*.crd.yaml"))]
    cluster.kubectl("apply", "--server-side", *files)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *files)


class Hub:
    """The hub's side: its controllers, and who may join."""

    def __init__(self, cluster, programs):
        self.cluster = cluster
        self.programs = programs
        self.processes = []

    def start(self):
        _install_crds(self.cluster, f"{self.programs}/files/crds/hub")
        self.cluster.apply(_namespace(NAMESPACE), _namespace(_HUB_NAMESPACE))
        self.cluster.apply(*_bootstrap_objects())
        for (program, role), port in _CONTROLLERS.items():
            name = f"ocm-{program}"
            arguments = [f"{self.programs}/{program}", role]
            arguments += [f"--kubeconfig={self.cluster.admin}", f"--namespace={_HUB_NAMESPACE}"]
            arguments += ["--disable-leader-election", f"--listen=127.0.0.1:{port}"]
            pod = {"POD_NAME": name, "POD_NAMESPACE": _HUB_NAMESPACE}
            self.processes.append(
                Process(name, [*self.cluster.enter, *arguments], self.cluster.folder, pod)
            )

    def write_bootstrap_kubeconfig(self, path):
        """What an operator hands to a cluster that is to join."""
        token = self.cluster.kubectl(
            "create", "token", _BOOTSTRAP, f"--namespace={NAMESPACE}", "--duration=1h"
        )
        self.cluster.write_kubeconfig(path, {"token": token})

    def accept(self, name):
        """What an operator does when cluster `name` has asked to join."""
        kubectl = self.cluster.kubectl
        kubectl("wait", "--for=create", f"managedcluster/{name}", "--timeout=60s")
        label = f"open-cluster-management.io/cluster-name={name}"
        requests = await_(
            lambda: self.cluster.get("csr", f"--selector={label}")["items"], f"the CSR of {name}"
        )
        kubectl("certificate", "approve", *(csr["metadata"]["name"] for csr in requests))
        accepted = '{"spec": {"hubAcceptsClient": true, "leaseDurationSeconds": 10}}'
        kubectl("patch", f"managedcluster/{name}", "--type=merge", f"--patch={accepted}")

    def await_available(self, name):
        available = "--for=condition=ManagedClusterConditionAvailable"
        self.cluster.kubectl("wait", available, f"managedcluster/{name}", "--timeout=60s")

    def stop(self):
        for process in self.processes:
            process.stop()
        self.processes.clear()


class Agent:
    """Registration and work agent of one managed cluster, in one process as OCM installs it."""

    def __init__(self, cluster, programs):
        self.cluster = cluster
        self.programs = programs
        self.process = None

    def start(self, hub):
        cluster = self.cluster
        _install_crds(cluster, f"{self.programs}/files/crds/managed")
        cluster.apply(_namespace(_AGENT_NAMESPACE), _namespace(f"{_AGENT_NAMESPACE}-addon"))
        folder = f"{cluster.folder}/hub"
        os.mkdir(folder)
        bootstrap = f"{cluster.folder}/bootstrap.kubeconfig"
        hub.write_bootstrap_kubeconfig(bootstrap)
        flags = {
            "spoke-cluster-name": cluster.name,
            "kubeconfig": cluster.admin,
            "namespace": _AGENT_NAMESPACE,
            "bootstrap-kubeconfig": bootstrap,
            "hub-kubeconfig-dir": folder,
            "workload-source-driver": "kube",
            "workload-source-config": f"{folder}/kubeconfig",
            "agent-id": f"{cluster.name}-agent",
            "status-sync-interval": "5s",
            "cluster-healthcheck-period": "10s",
            "listen": "127.0.0.1:9441",
        }
        arguments = [f"{self.programs}/registration-operator", "agent", "--disable-leader-election"]
        arguments += [f"--{name}={value}" for name, value in flags.items()]
        pod = {"POD_NAME": "klusterlet-agent", "POD_NAMESPACE": _AGENT_NAMESPACE}
        self.process = Process(
            "klusterlet-agent", [*cluster.enter, *arguments], cluster.folder, pod
        )

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None
