"""Checks of how certificates and their authorities are replaced."""
import json

from addon import AGENT_NAMESPACE, DOWNLOAD, NAMESPACE, SIGNER, Drip
from process import Failed, await_, check

# Prepare is over at once, but for where it is held.
_PHASES = ("TrustBoth", "SignWithNew", "Retire")
_HELD = "held-by-a-check"
_AGENT_CERTIFICATE = "cluster-proxy-open-cluster-management.io-proxy-agent-signer-client-cert"


def leaf_rotation(lab):
    """The hub's and the agents' certificates are renewed under running downloads, none breaks"""
    drips = lab.addon.drips(DOWNLOAD)
    secrets = ("agent-server", "proxy-server", "proxy-client")
    before = {secret: lab.addon.certificate(secret) for secret in secrets}
    for name, cluster in lab.managed.items():
        old = cluster.secret(_AGENT_CERTIFICATE, AGENT_NAMESPACE)["tls.crt"]
        # Which makes OCM's agent ask for another.
        where = f"--namespace={AGENT_NAMESPACE}"
        cluster.kubectl("delete", f"secret/{_AGENT_CERTIFICATE}", where)

        def is_other():
            return cluster.secret(_AGENT_CERTIFICATE, AGENT_NAMESPACE).get("tls.crt", old) != old

        await_(is_other, f"another certificate in {name}")
    for secret in secrets:
        lab.addon.await_other_certificate(secret, before[secret], patience=180)
    for drip in drips:
        drip.await_end()
    lab.addon.await_connected(lab.managed)
    return f"{len(drips)} downloads of {DOWNLOAD} s, 0 broken"


def ca_rotation(lab):
    """All authorities are replaced, addon-manager killed in each phase; no download breaks"""
    addon = lab.addon
    before = lab.hub.secret(SIGNER, NAMESPACE)
    addon.annotate(rotate_ca="checks")
    drips, seen, ended = addon.drips(DOWNLOAD), [], 0

    def look():
        nonlocal drips, ended
        running = [drip for drip in drips if not drip.done()]
        ended += len(drips) - len(running)
        # There is always one in every cluster.
        for name in set(lab.managed) - {drip.cluster for drip in running}:
            running.append(Drip(addon, name, DOWNLOAD))
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
    check(set(seen) == set(_PHASES), f"killed only in {seen}")
    after = lab.hub.secret(SIGNER, NAMESPACE)
    for name in ("agents", "clients", "servers"):
        key = f"{name}.active.crt"
        check(before[key] != after[key], f"{name} have the same authority")
    check(not [key for key in after if ".other." in key], f"an old one is left: {list(after)}")
    addon.await_connected(lab.managed)
    addon.hawser("check")
    return f"killed in {', '.join(seen)}; {ended + len(drips)} downloads of {DOWNLOAD} s, 0 broken"


def ca_rollback(lab):
    """A rotation held up in Prepare says so, goes on after a kill there, and is rolled back"""
    addon = lab.addon
    before = lab.hub.secret(SIGNER, NAMESPACE)
    drips = addon.drips(DOWNLOAD)
    _hold_prepare(lab)
    addon.annotate(rotate_ca="back")

    def held():
        deployed = addon.condition("ProxyServerDeployed")
        rotation = addon.condition("AuthorityRotationProgressing")["message"]
        return _HELD in deployed["message"] and rotation.count("Prepare") == 3 and deployed

    said = await_(held, "the condition that names the policy", patience=120)["message"]
    addon.kill_manager()
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        lab.hub.kubectl("delete", f"{kind}/{_HELD}")

    def rotation():
        return addon.condition("AuthorityRotationProgressing")

    # Further where there is time for it.
    last = "SignWithNew" if lab.nodes else "TrustBoth"
    await_(lambda: f"agents: {last}" in rotation()["message"], last, patience=180)
    addon.annotate(roll_back_ca="back")
    await_(lambda: rotation()["reason"] == "Stable", "the end of the roll-back", patience=600)
    for drip in drips:
        drip.await_end()
    after = lab.hub.secret(SIGNER, NAMESPACE)
    for name in ("agents", "clients", "servers"):
        key = f"{name}.active.crt"
        check(before[key] == after[key], f"{name} have another authority")
    addon.await_connected(lab.managed)
    addon.hawser("check")
    return said


def _hold_prepare(lab):
    """Nobody may write over authorities with a next one: what the phase Prepare stores."""
    secrets = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"]}
    probe = "probe"
    is_signer = {"name": "signer", "expression": f"object.metadata.name == '{SIGNER}'"}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [secrets | {"operations": ["UPDATE"]}]},
        "matchConditions": [is_signer],
        "validations": [
            {
                "expression": "!('agents.other.crt' in oldObject.data)"
                f" && !('{probe}' in object.data)",
                "message": _HELD,
            }
        ],
    }
    kind = "ValidatingAdmissionPolicy"
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": _HELD}}
    binding = {"policyName": _HELD, "validationActions": ["Deny"]}
    lab.hub.apply(
        head | {"kind": kind, "spec": policy}, head | {"kind": f"{kind}Binding", "spec": binding}
    )
    patch = ("--type=merge", f"--patch={json.dumps({'data': {probe: ''}})}", "--dry-run=server")

    def refused():
        try:
            lab.hub.kubectl("patch", f"secret/{SIGNER}", f"--namespace={NAMESPACE}", *patch)
        except Failed as refusal:
            return _HELD in str(refusal)
        return False

    await_(refused, "the policy")
