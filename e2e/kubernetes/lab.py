"""What the checks work with: a hub, managed clusters, OCM on them, and our add-on."""
import os
from dataclasses import dataclass

import network
import ocm
import ocm_charts
from addon import Addon
from cluster import Cluster
from node import Node, shield_kernel


@dataclass
class Programs:
    """Folders of programs: of build.sh's modules, and of Bazel."""

    kube: str
    ocm: str
    coredns: str
    pods: str
    ours: str


class Lab:
    """Networks and certificates are there from the start; the checks start the processes.

    `managed` are the names of the managed clusters. With pods, the hub and the first of them have a
    node.
    """

    def __init__(self, folder, programs, managed, with_pods):
        self.folder = folder
        self.programs = programs
        with_node = {"hub", managed[0]} if with_pods else set()
        if with_pods:
            shield_kernel(f"{folder}/kernel")
        network.make_hub("hub" in with_node)
        self.hub = Cluster("hub", f"{folder}/hub", programs.kube, network.HUB_ADDRESS, 6443)
        self.managed = {}
        for number, name in enumerate(managed, 1):
            enter = network.make_managed(name, number, name in with_node)
            self.managed[name] = Cluster(
                name, f"{folder}/{name}", programs.kube, network.NODE_ADDRESS, 6443, enter=enter
            )
        self.clusters = {"hub": self.hub, **self.managed}
        self.nodes = {
            name: Node(self.clusters[name], f"{os.path.basename(folder)}-{name}", programs.pods)
            for name in sorted(with_node)
        }
        by = {True: ocm_charts, False: ocm}
        self.ocm_hub = by[with_pods].Hub(self.hub, programs.ocm)
        self.ocm_agents = {
            name: by[name in with_node].Agent(cluster, programs.ocm)
            for name, cluster in self.managed.items()
        }
        self.addon = Addon(f"{folder}/addon", programs.ours, self.hub, self.managed, self.nodes)

    def stop(self):
        """Ends what was started; what it left behind goes with the namespaces."""
        self.addon.stop()
        for part in (*self.ocm_agents.values(), self.ocm_hub, *self.nodes.values()):
            part.stop()
        for cluster in self.clusters.values():
            cluster.stop()
