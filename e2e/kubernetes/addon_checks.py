"""Checks of the add-on, in the order of its life; each builds on those before it."""
import base64
import json

from addon import AGENT_DEPLOYMENT, AGENT_NAMESPACE, CONFIG, NAME, NAMESPACE, Drip
from network import HUB_ADDRESS
from process import Failed, await_, check, output_of

_PHASES = ("Prepare", "TrustBoth", "SignWithNew", "Retire")
_DOWNLOAD = 20  # seconds, beside each thing that must not break one


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
    line = _await_manager_line(lab, f"certificate request \"{name}\" is left pending")
    status = lab.hub.get(f"csr/{name}").get("status", {})
    check(not status.get("conditions") and not status.get("certificate"), f"its status: {status}")
    lab.hub.kubectl("delete", f"csr/{name}")
    return line.partition("] ")[2]


def _manager_lines(lab):
    if not lab.nodes:
        return lab.addon.processes["manager"].lines()
    selector = "--selector=component=cluster-proxy-manager"
    logs = ("logs", selector, "--tail=-1", f"--namespace={NAMESPACE}")
    return lab.hub.kubectl(*logs).splitlines()


def _await_manager_line(lab, text):
    return await_(
        lambda: next((line for line in _manager_lines(lab) if text in line), None),
        f"a line of addon-manager with: {text}",
    )


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


def _serial(lab, secret):
    """Of the certificate in a Secret on the hub."""
    data = lab.hub.get(f"secret/{secret}", f"--namespace={NAMESPACE}")["data"]
    return data["tls.crt"]


def _drips(lab, seconds):
    return [Drip(lab.addon, name, seconds) for name in lab.managed]


def leaf_rotation(lab):
    """The hub's and the agents' certificates are renewed under running downloads, none breaks"""
    drips = _drips(lab, _DOWNLOAD)
    secrets = ("agent-server", "proxy-server", "proxy-client")
    before = {secret: _serial(lab, secret) for secret in secrets}
    for name, cluster in lab.managed.items():
        secret = "secret/cluster-proxy-open-cluster-management.io-proxy-agent-signer-client-cert"
        where = f"--namespace={AGENT_NAMESPACE}"
        old = cluster.get(secret, where)["data"]["tls.crt"]
        cluster.kubectl("delete", secret, where)  # which makes OCM's agent ask for another
        await_(
            lambda: _data(cluster, secret, where).get("tls.crt", old) != old,
            f"another certificate in {name}",
        )
    for secret in secrets:
        await_(lambda: _serial(lab, secret) != before[secret], f"another {secret}", patience=180)
    for drip in drips:
        drip.await_end()
    lab.addon.await_connected(lab.managed)
    return f"{len(drips)} downloads of {_DOWNLOAD} s, 0 broken"


def _data(cluster, secret, where):
    try:
        return cluster.get(secret, where).get("data", {})
    except Failed:
        return {}


def deleted_secret(lab):
    """A deleted certificate of the hub comes back"""
    before = _serial(lab, "agent-server")
    lab.hub.kubectl("delete", "secret/agent-server", f"--namespace={NAMESPACE}")
    where = f"--namespace={NAMESPACE}"
    await_(
        lambda: _data(lab.hub, "secret/agent-server", where).get("tls.crt", before) != before,
        "another agent-server",
    )


def broken_configuration(lab):
    """A bad ManagedProxyConfiguration is named in a condition, and mended without a restart"""
    resource = f"managedproxyconfiguration/{NAME}"
    good = lab.addon.configuration()["spec"]["proxyServer"]["namespace"]

    def set_namespace(value):
        patch = json.dumps({"spec": {"proxyServer": {"namespace": value}}})
        lab.hub.kubectl("patch", resource, "--type=merge", f"--patch={patch}")

    def deployed():
        return lab.addon.condition("ProxyServerDeployed")

    set_namespace("elsewhere")
    await_(lambda: deployed()["reason"] == "InvalidConfiguration", "the condition")
    said = deployed()["message"]
    set_namespace(good)
    await_(lambda: deployed()["status"] == "True", "its end")
    return said


def ca_rotation(lab):
    """All authorities are replaced, addon-manager killed in each phase; no download breaks"""
    addon = lab.addon
    signer = ("secret/cluster-proxy-signer", f"--namespace={NAMESPACE}")
    before = lab.hub.get(*signer)["data"]
    addon.annotate(rotate_ca="checks")
    drips, seen, ended = _drips(lab, _DOWNLOAD), [], 0

    def look():
        nonlocal drips, ended
        running = [drip for drip in drips if not drip.done()]
        ended += len(drips) - len(running)
        # There is always one in every cluster.
        for name in set(lab.managed) - {drip.cluster for drip in running}:
            running.append(Drip(addon, name, _DOWNLOAD))
        drips = running
        condition = addon.condition("AuthorityRotationProgressing")
        for phase in _PHASES:
            if phase in condition["message"] and phase not in seen:
                seen.append(phase)
                addon.kill_manager()
        return seen and condition["reason"] == "Stable"

    await_(look, "the end of the rotation", patience=600)
    for drip in drips:
        drip.await_end()
    after = lab.hub.get(*signer)["data"]
    for name in ("agents", "clients", "servers"):
        key = f"{name}.active.crt"
        check(before[key] != after[key], f"{name} have the same authority")
    check(not [key for key in after if ".other." in key], f"an old one is left: {list(after)}")
    addon.await_connected(lab.managed)
    addon.hawser("check")
    return f"killed in {', '.join(seen)}; {ended + len(drips)} downloads of {_DOWNLOAD} s, 0 broken"


def upgraded(lab):
    """`helm upgrade` with other values keeps live connections"""
    drips = _drips(lab, _DOWNLOAD)
    values = lab.addon.values()
    values["proxyServer"]["additionalSANs"] = ["hub.example"]
    values["replicas"] += 1
    lab.addon.helm("upgrade", values)
    generation = lab.addon.configuration()["metadata"]["generation"]
    await_(
        lambda: lab.addon.configuration()["status"]["lastObservedGeneration"] == generation,
        f"generation {generation}",
    )
    for drip in drips:
        drip.await_end()
    names = base64.b64decode(_serial(lab, "proxy-server")).decode()
    text = output_of(["openssl", "x509", "-noout", "-ext", "subjectAltName"], stdin=names)
    check("hub.example" in text, f"names: {text}")


def entrypoints(lab):
    """Agents also reach the hub by a host name, and by a port forwarded through its API server"""
    seen = []
    _publish(lab.hub, 9091)
    by_name = {"entrypointAddress": HUB_ADDRESS, "port": 9091}
    for entrypoint, argument in (by_name, "--proxy-server-port=9091"), ({}, "--hub-port-forward="):
        lab.addon.helm("upgrade", lab.addon.values() | {"proxyServer": entrypoint})
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
        deleted_secret,
        broken_configuration,
        leaf_rotation,
        ca_rotation,
        upgraded,
        *([entrypoints, cluster_deleted] if full else []),
        uninstalled,
    ]
