// Where the API server keeps the kinds of objects that the addon-manager deals with.
#pragma once

#include "lib/kube/object.h"

namespace hawser::addon_manager {

inline const kube::Resource kSecrets{.version = "v1", .plural = "secrets"};
inline const kube::Resource kServices{.version = "v1", .plural = "services"};
inline const kube::Resource kConfigMaps{.version = "v1", .plural = "configmaps"};
inline const kube::Resource kDeployments{.group = "apps", .version = "v1", .plural = "deployments"};
inline const kube::Resource kRoles{
    .group = "rbac.authorization.k8s.io", .version = "v1", .plural = "roles"};
inline const kube::Resource kRoleBindings{
    .group = "rbac.authorization.k8s.io", .version = "v1", .plural = "rolebindings"};
inline const kube::Resource kSigningRequests{.group = "certificates.k8s.io",
                                             .version = "v1",
                                             .plural = "certificatesigningrequests",
                                             .namespaced = false};
inline const kube::Resource kProxyConfigurations{.group = "proxy.open-cluster-management.io",
                                                 .version = "v1alpha1",
                                                 .plural = "managedproxyconfigurations",
                                                 .namespaced = false};
inline const kube::Resource kManagementAddons{.group = "addon.open-cluster-management.io",
                                              .version = "v1alpha1",
                                              .plural = "clustermanagementaddons",
                                              .namespaced = false};
inline const kube::Resource kClusterAddons{.group = "addon.open-cluster-management.io",
                                           .version = "v1alpha1",
                                           .plural = "managedclusteraddons"};
inline const kube::Resource kDeploymentConfigs{.group = "addon.open-cluster-management.io",
                                               .version = "v1alpha1",
                                               .plural = "addondeploymentconfigs"};
inline const kube::Resource kClusters{.group = "cluster.open-cluster-management.io",
                                      .version = "v1",
                                      .plural = "managedclusters",
                                      .namespaced = false};
inline const kube::Resource kManifestWorks{
    .group = "work.open-cluster-management.io", .version = "v1", .plural = "manifestworks"};

// Of an object that hub_objects.h made.
kube::Resource ResourceOf(const kube::Object& object);

}  // namespace hawser::addon_manager
