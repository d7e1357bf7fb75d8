"""Checks of the add-on's life, in its order; each builds on those before it."""
import base64
import json

import failure_checks
import rotation_checks
from addon import AGENT_DEPLOYMENT, AGENT_NAMESPACE, CONFIG, DOWNLOAD, NAME, NAMESPACE
from network import HUB_ADDRESS
from process import await_, check, output_of


def installed(lab):
    """`helm install`: the hub comes up, and every selected cluster gets its agent"""
    lab.addon.install()
    lab.addon.configure_clusters_without_nodes()
    lab.addon.await_agents()
    lab.addon.become_user()
    lab.addon.await_connected(lab.managed)
    return lab.addon.hawser("get", "clusters").rstrip()


def available(lab):
    """The add-on is Available in every cluster, and Open Cluster Management has rolled it out"""
    lab.addon.await_available(lab.managed)
    for name in lab.managed:
        progressing = ("--for=condition=Progressing=False", f"managedclusteraddon/{NAME}")
        lab.hub.kubectl("wait", *progressing, f"--namespace={name}", "--timeout=60s")
    return lab.hub.kubectl("get", "managedclusteraddons", "--all-namespaces").rstrip()


def tested(lab):
    """`helm test` dials the kube-apiserver of every connected cluster"""
    return lab.hub.helm("test", NAME, f"--namespace={NAMESPACE}").rstrip()


def check_command(lab):
    """`hawser check` dials the kube-apiserver of every connected cluster"""
    return lab.addon.hawser("check").rstrip()


def foreign_request(lab):
    """A certificate request of one cluster's agent for another cluster is not signed"""
    victim = next(reversed(lab.managed))
    folder = lab.addon.folder
    organization = "open-cluster-management:cluster-proxy"
    subject = f"/O={organization}/CN={organization}:proxy-agent"
    output_of(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-subj", subject, "-keyout", f"{folder}/foreign.key"]
        + ["-out", f"{folder}/foreign.csr"]
    )
    with open(f"{folder}/foreign.csr", "rb") as request:
        encoded = base64.b64encode(request.read()).decode()
    labels = {
        "open-cluster-management.io/cluster-name": victim,
        "open-cluster-management.io/addon-name": NAME,
    }
    object_ = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": f"addon-{victim}-cluster-proxy-foreign", "labels": labels},
        "spec": {
            "request": encoded,
            "signerName": "open-cluster-management.io/proxy-agent-signer",
            "usages": ["digital signature", "key encipherment", "client auth"],
        },
    }
    # An agent of a cluster that is called almost like it.
    user = f"--as=system:open-cluster-management:{victim}x:agent"
    groups = ("--as-group=system:authenticated", "--as-group=system:masters")
    lab.hub.kubectl("create", "-f=-", user, *groups, stdin=json.dumps(object_))
    name = object_["metadata"]["name"]
    line = lab.addon.await_manager_line(f"certificate request \"{name}\" is left pending")
    status = lab.hub.get(f"csr/{name}").get("status", {})
    check(not status.get("conditions") and not status.get("certificate"), f"its status: {status}")
    lab.hub.kubectl("delete", f"csr/{name}")
    return line.partition("] ")[2]


def configured(lab):
    """A change of an AddOnDeploymentConfig reaches the agent's Deployment, and is rolled out"""
    name = next(reversed(lab.managed))
    cluster = lab.managed[name]
    if name in lab.nodes:
        lab.addon.use_config(name, CONFIG)
    resources = {"requests": {"cpu": "20m", "memory": "48Mi"}}
    requirement = {"containerID": "deployments:cluster-proxy-proxy-agent:*", "resources": resources}
    patch = json.dumps({"spec": {"resourceRequirements": [requirement]}})
    config = (f"addondeploymentconfig/{CONFIG}", "--namespace=default", "--type=merge")
    lab.hub.kubectl("patch", *config, f"--patch={patch}")

    def changed():
        where = (f"deployment/{AGENT_DEPLOYMENT}", f"--namespace={AGENT_NAMESPACE}")
        pod = cluster.get(*where)["spec"]["template"]["spec"]
        return pod["containers"][0]["resources"] == resources

    await_(changed, f"the resources of the agent in {name}")

    def rolled_out():
        addon = lab.hub.get(f"managedclusteraddon/{NAME}", f"--namespace={name}")
        conditions = {each["type"]: each for each in addon["status"]["conditions"]}
        references = addon["status"]["configReferences"]
        applied = [
            each.get("lastAppliedConfig", {}).get("specHash") == each["desiredConfig"]["specHash"]
            for each in references
        ]
        return all(applied) and conditions["Progressing"]["reason"] == "Completed"

    await_(rolled_out, f"Progressing=Completed in {name}", patience=90)


def upgraded(lab):
    """`helm upgrade` with other values keeps live connections"""
    # Where there are pods, all of the hub's are replaced, because there is another one.
    drips = lab.addon.drips(3 * DOWNLOAD if lab.nodes else DOWNLOAD)
    lab.addon.values["proxyServer"]["additionalSANs"] = ["hub.example"]
    lab.addon.values["replicas"] += 1
    lab.addon.upgrade()
    generation = lab.addon.configuration()["metadata"]["generation"]
    await_(
        lambda: lab.addon.configuration()["status"]["lastObservedGeneration"] == generation,
        f"generation {generation}",
    )
    if lab.nodes:
        lab.addon.await_rollout(NAME)
    for drip in drips:
        drip.await_end()
    names = lab.addon.certificate("proxy-server")
    text = output_of(["openssl", "x509", "-noout", "-ext", "subjectAltName"], stdin=names)
    check("hub.example" in text, f"names: {text}")


def entrypoints(lab):
    """Agents also reach the hub by a host name, and by a port forwarded through its API server"""
    seen = []
    _publish(lab.hub, 9091)
    by_name = {"entrypointAddress": HUB_ADDRESS, "port": 9091}
    for entrypoint, argument in (by_name, "--proxy-server-port=9091"), ({}, "--hub-port-forward="):
        lab.addon.values["proxyServer"] = entrypoint
        lab.addon.upgrade()
        for name, cluster in lab.managed.items():
            _await_argument(cluster, argument)
            if name in lab.nodes:
                lab.addon.await_rollout(AGENT_DEPLOYMENT, cluster, AGENT_NAMESPACE)
            else:
                lab.addon.processes[name].restart()
        lab.addon.await_connected(lab.managed)
        kind = lab.addon.configuration()["spec"]["proxyServer"]["entrypoint"]["type"]
        seen += [f"{kind}:", lab.addon.hawser("check").rstrip()]
    rest = lab.hub.kubectl("get", "services", f"--namespace={NAMESPACE}", "--output=name")
    check("proxy-agent-entrypoint" not in rest, f"the load balancer is left: {rest}")
    return "\n".join(seen)


def _publish(hub, port):
    """A way in that is not the chart's: what an operator's own host name leads to."""
    spec = {
        "externalIPs": [HUB_ADDRESS],
        "selector": {"proxy.open-cluster-management.io/component-name": "proxy-server"},
        "ports": [{"port": port, "targetPort": 8091}],
    }
    metadata = {"name": "operators-own", "namespace": NAMESPACE}
    hub.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def _await_argument(cluster, beginning):
    def there():
        where = (f"deployment/{AGENT_DEPLOYMENT}", f"--namespace={AGENT_NAMESPACE}")
        pod = cluster.get(*where)["spec"]["template"]["spec"]
        return any(each.startswith(beginning) for each in pod["containers"][0]["args"])

    await_(there, f"{beginning} in {cluster.name}")


def cluster_deleted(lab):
    """A managed cluster that is deleted loses its agent; the others keep theirs"""
    name = next(reversed(lab.managed))
    lab.hub.kubectl("delete", f"managedcluster/{name}", "--timeout=60s")
    process = lab.addon.processes.pop(name, None)
    cluster = lab.managed[name]
    where = ("deployments", f"--namespace={AGENT_NAMESPACE}", "--output=name")
    await_(lambda: not cluster.kubectl("get", *where), f"no Deployment in {name}", patience=120)
    if process:
        process.stop()
    del lab.managed[name]
    if lab.managed:
        lab.addon.await_connected(lab.managed)


def uninstalled(lab):
    """`helm uninstall` removes everything on both sides"""
    addon = lab.addon
    where = f"--namespace={NAMESPACE}"
    if lab.nodes:
        lab.hub.helm("uninstall", NAME, where, "--timeout=3m")
    else:
        program = f"{addon.binaries}/addon-manager/addon-manager"
        output_of(
            [program, "--uninstall", "--uninstall-timeout=60s", f"--namespace={NAMESPACE}"]
            + [f"--kubeconfig={lab.hub.admin}"],
            patience=90,
        )
        lab.hub.helm("uninstall", NAME, where, "--no-hooks")
    kinds = "deployments,services,secrets,configmaps,serviceaccounts,networkpolicies"
    kinds += ",poddisruptionbudgets,roles,rolebindings,leases,jobs"

    def left():
        names = lab.hub.kubectl("get", kinds, where, "--output=name").split()
        return [name for name in names if "proxy" in name]

    await_(lambda: not left(), "nothing of ours in the namespace", patience=60)
    for kind in ("clustermanagementaddons", "managedproxyconfigurations", "clusterroles"):
        names = lab.hub.kubectl("get", kind, "--output=name")
        check("cluster-proxy" not in names, f"left: {names}")
    works = lab.hub.kubectl("get", "manifestworks", "--all-namespaces", "--output=name")
    check("cluster-proxy" not in works, f"left: {works}")
    for name, cluster in lab.managed.items():
        deployments = ("deployments", f"--namespace={AGENT_NAMESPACE}", "--output=name")
        await_(lambda: not cluster.kubectl("get", *deployments), f"no Deployment in {name}")


def of(full, *dials):
    return [
        installed,
        available,
        *([tested] if full else [check_command]),
        *dials,
        foreign_request,
        configured,
        failure_checks.deleted_secret,
        failure_checks.broken_configuration,
        rotation_checks.leaf_rotation,
        rotation_checks.ca_rotation,
        rotation_checks.ca_rollback,
        upgraded,
        failure_checks.apiserver_away,
        *([entrypoints, cluster_deleted] if full else []),
        failure_checks.expired_authority,
        uninstalled,
    ]
