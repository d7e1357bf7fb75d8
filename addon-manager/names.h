// Names that the add-on shares with Open Cluster Management's own: whoever switches finds them
// again.
#pragma once

namespace hawser::addon_manager {

inline constexpr char kAddonName[] = "cluster-proxy";
// Whose fields ours are in server-side apply.
inline constexpr char kFieldManager[] = "cluster-proxy-addon-manager";

// The API of ManagedProxyConfiguration.
inline constexpr char kProxyApi[] = "proxy.open-cluster-management.io/v1alpha1";

// APIs of Open Cluster Management.
inline constexpr char kAddonApi[] = "addon.open-cluster-management.io/v1alpha1";
inline constexpr char kWorkApi[] = "work.open-cluster-management.io/v1";

// Labels. Deployments select by the component, and a selector can never change.
inline constexpr char kComponentLabel[] = "proxy.open-cluster-management.io/component-name";
inline constexpr char kAddonLabel[] = "open-cluster-management.io/addon-name";
inline constexpr char kClusterLabel[] = "open-cluster-management.io/cluster-name";
inline constexpr char kProxyServer[] = "proxy-server";
inline constexpr char kProxyAgent[] = "proxy-agent";
inline constexpr char kGenerationAnnotation[] =
    "proxy.open-cluster-management.io/configuration-generation";

// Annotations of a ManagedProxyConfiguration: any new value of the first begins a rotation of the
// authorities, its value in the second rolls that rotation back.
inline constexpr char kRotateAnnotation[] = "proxy.open-cluster-management.io/rotate-ca";
inline constexpr char kRollBackAnnotation[] = "proxy.open-cluster-management.io/roll-back-ca";

// Of a ManifestWork: from which configurations it was made, for Open Cluster Management; which
// authority signed the cluster's last certificate, and when; a hash of what it is to trust.
inline constexpr char kConfigHashAnnotation[] = "open-cluster-management.io/config-spec-hash";
inline constexpr char kAgentAuthorityAnnotation[] =
    "proxy.open-cluster-management.io/agent-authority";
inline constexpr char kTrustAnnotation[] = "proxy.open-cluster-management.io/server-trust";
inline constexpr char kAgentSignedAnnotation[] = "proxy.open-cluster-management.io/agent-signed-at";

// Of the agents' pods: of the files that they read only once.
inline constexpr char kFilesHashAnnotation[] = "proxy.open-cluster-management.io/files-hash";

// What hub pods trust: agents.crt, clients.crt, servers.crt.
inline constexpr char kTrustConfigMap[] = "cluster-proxy-trust";
// What users of the hub trust: ca.crt.
inline constexpr char kServerCaSecret[] = "proxy-server-ca";
// Keys of hub pods' session tickets: the Secret, what is in it, when its newest one was made.
inline constexpr char kTicketKeysSecret[] = "cluster-proxy-ticket-keys";
inline constexpr char kTicketKeysEntry[] = "keys";
inline constexpr char kMadeAtAnnotation[] = "proxy.open-cluster-management.io/made-at";

// The agents' way in through the hub's API server, where that is the entrypoint.
inline constexpr char kPortForwardRole[] = "cluster-proxy-addon-agent:portforward";

// The add-ons' common namespace on spokes: where it is the agent's, others live there too.
inline constexpr char kSharedNamespace[] = "open-cluster-management-agent-addon";
// On the spoke: what OCM's registration agent puts there, and what the ManifestWork brings.
inline constexpr char kAgentCertificateSecret[] =
    "cluster-proxy-open-cluster-management.io-proxy-agent-signer-client-cert";
inline constexpr char kHubKubeconfigSecret[] = "cluster-proxy-hub-kubeconfig";
inline constexpr char kAgentDeployment[] = "cluster-proxy-proxy-agent";
inline constexpr char kAgentCaSecret[] = "cluster-proxy-ca";
inline constexpr char kAgentConfigMap[] = "cluster-proxy-agent-configuration";
inline constexpr char kManifestWork[] = "addon-cluster-proxy-deploy-0";

inline constexpr char kKubeClientSigner[] = "kubernetes.io/kube-apiserver-client";
inline constexpr char kProxyAgentSigner[] = "open-cluster-management.io/proxy-agent-signer";

}  // namespace hawser::addon_manager
