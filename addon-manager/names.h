// Names that the add-on shares with Open Cluster Management's own: whoever switches finds them
// again.
#pragma once

namespace hawser::addon_manager {

inline constexpr char kAddonName[] = "cluster-proxy";

// The API of ManagedProxyConfiguration.
inline constexpr char kProxyApi[] = "proxy.open-cluster-management.io/v1alpha1";

// Labels. Deployments select by the component, and a selector can never change.
inline constexpr char kComponentLabel[] = "proxy.open-cluster-management.io/component-name";
inline constexpr char kAddonLabel[] = "open-cluster-management.io/addon-name";
inline constexpr char kClusterLabel[] = "open-cluster-management.io/cluster-name";
inline constexpr char kProxyServer[] = "proxy-server";
inline constexpr char kProxyAgent[] = "proxy-agent";
inline constexpr char kGenerationAnnotation[] =
    "proxy.open-cluster-management.io/configuration-generation";

// What hub pods trust: agents.crt, clients.crt, servers.crt.
inline constexpr char kTrustConfigMap[] = "cluster-proxy-trust";
// What users of the hub trust: ca.crt.
inline constexpr char kServerCaSecret[] = "proxy-server-ca";

inline constexpr char kKubeClientSigner[] = "kubernetes.io/kube-apiserver-client";
inline constexpr char kProxyAgentSigner[] = "open-cluster-management.io/proxy-agent-signer";

}  // namespace hawser::addon_manager
