"""Open Cluster Management as its own charts install it: the rights and the pods of reality."""
import os

import ocm

_IMAGES = "quay.io/open-cluster-management"
_TAG = "v1.0.0"

# The images of the charts, by names that they know, and the program in each.
HUB_IMAGES = {
    f"{_IMAGES}/registration-operator:{_TAG}": "registration-operator",
    f"{_IMAGES}/registration:{_TAG}": "registration",
    f"{_IMAGES}/work:{_TAG}": "work",
    f"{_IMAGES}/placement:{_TAG}": "placement",
    f"{_IMAGES}/addon-manager:{_TAG}": "addon",
}
AGENT_IMAGES = {f"{_IMAGES}/registration-operator:{_TAG}": "registration-operator"}


def _install(cluster, chart, *values):
    where = (f"--namespace={ocm.NAMESPACE}", "--create-namespace")
    values = (f"--set=images.tag={_TAG}", "--set=replicaCount=1", *values)
    cluster.helm("install", os.path.basename(chart), chart, *where, *values)


class Hub(ocm.Hub):
    """As ocm.Hub, by the chart cluster-manager."""

    def start(self):
        chart = f"{self.programs}/files/charts/cluster-manager"
        _install(self.cluster, chart, "--set=createBootstrapSA=true")
        good = "--for=condition=HubRegistrationDegraded=False"
        self.cluster.kubectl("wait", good, "clustermanager/cluster-manager", "--timeout=120s")


class Agent(ocm.Agent):
    """As ocm.Agent, by the chart klusterlet."""

    def start(self, hub):
        bootstrap = f"{self.cluster.folder}/bootstrap.kubeconfig"
        hub.write_bootstrap_kubeconfig(bootstrap)
        chart = f"{self.programs}/files/charts/klusterlet"
        name = f"--set=klusterlet.clusterName={self.cluster.name}"
        _install(self.cluster, chart, name, f"--set-file=bootstrapHubKubeConfig={bootstrap}")
