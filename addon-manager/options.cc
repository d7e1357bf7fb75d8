#include "addon-manager/options.h"

#include <gflags/gflags.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_split.h"
#include "lib/base/flag_values.h"
#include "lib/base/flags.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/pki/identity.h"

DEFINE_string(kubeconfig, "", "[Kubernetes API] kubeconfig file; empty: that of the pod");
DEFINE_bool(leader_elect, true,
            "[Kubernetes API] work only while holding the lease cluster-proxy-addon-manager");
DEFINE_string(namespace, "", "[Add-on] namespace of the installation; empty: $POD_NAMESPACE");
DEFINE_string(configuration, "cluster-proxy", "[Add-on] name of the ManagedProxyConfiguration");
DEFINE_string(agent_install_namespace, "open-cluster-management-cluster-proxy",
              "[Add-on] namespace of the agents where no AddOnDeploymentConfig names another");
DEFINE_bool(enable_kube_api_proxy, true,
            "[Add-on] bare cluster names lead to the clusters' kube-apiservers");
DEFINE_string(signer_secret, "cluster-proxy-signer",
              "[Certificates] secret that keeps the authorities and their keys");
HAWSER_DEFINE_LIST(certificate_secrets,
                   "[Certificates] secrets with the hub's certificates, as the configuration names "
                   "them, that are watched; empty: proxy-server,agent-server,proxy-client");
DEFINE_bool(signer_must_exist, false,
            "[Certificates] --signer-secret is the operator's own: never make it");
DEFINE_string(trust_domain, "hawser", "[Certificates] trust domain of the identities");
DEFINE_string(ca_lifetime, "87600h", "[Certificates] life of a new authority");
DEFINE_string(ca_renew_before, "8760h",
              "[Certificates] an authority is replaced when less than this is left of its life");
DEFINE_string(certificate_lifetime, "2160h", "[Certificates] life of the hub's certificates");
DEFINE_string(agent_certificate_lifetime, "2160h",
              "[Certificates] longest life of agents' certificates; they are renewed when about a "
              "fifth of it is left, and looked at every 5 minutes");
DEFINE_string(trust_delivery, "5m",
              "[Certificates] how long pods may take to see a change of a secret");
DEFINE_string(replaced_link_timeout, "1h",
              "[Certificates] how long connections of agents may go on over a link after another "
              "one took over; an old authority stays trusted as long");
DEFINE_string(
    image_pull_policy, "",
    "[Hub] pull policy of its pods: Always, IfNotPresent or Never; empty: Kubernetes' own");
HAWSER_DEFINE_LIST(image_pull_secrets, "[Hub] secrets that its image is pulled with");
DEFINE_bool(network_policies, true, "[Hub] a NetworkPolicy for its pods");
DEFINE_string(
    metrics_from, "[]",
    "[Hub] whom that lets reach the ports of health and metrics: a JSON list of peers, as "
    "in a NetworkPolicy's `from`");
DEFINE_string(
    health_host, "",
    "[Health and metrics] address that serves /healthz, /readyz and /metrics; empty: all");
DEFINE_int32(health_port, 8000, "[Health and metrics] its TCP port; 0: a free one");
DEFINE_bool(
    uninstall, false,
    "[Uninstall] delete the ClusterManagementAddOn, wait until the agents are gone from all "
    "clusters, and end");
DEFINE_string(uninstall_timeout, "5m", "[Uninstall] how long to wait for that");

namespace hawser::addon_manager {
namespace {

using base::BadFlag;

absl::Status ReadSeconds(const std::string& flag, const std::string& value,
                         std::chrono::seconds least, std::chrono::seconds& seconds) {
  HAWSER_ASSIGN_OR_RETURN(const base::Duration duration, base::AnyDuration(flag, value));
  if (duration < least)
    return BadFlag(flag, "must be at least " + std::to_string(least.count()) + " s");
  seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return absl::OkStatus();
}

absl::Status ReadRotation(RotationSettings& rotation) {
  using std::chrono::seconds;
  HAWSER_RETURN_IF_ERROR(
      ReadSeconds("ca-lifetime", FLAGS_ca_lifetime, seconds(1), rotation.authority_lifetime));
  HAWSER_RETURN_IF_ERROR(ReadSeconds("ca-renew-before", FLAGS_ca_renew_before, seconds(0),
                                     rotation.authority_renew_before));
  if (rotation.authority_renew_before >= rotation.authority_lifetime)
    return BadFlag("ca-renew-before", "must be less than --ca-lifetime");
  HAWSER_RETURN_IF_ERROR(ReadSeconds("certificate-lifetime", FLAGS_certificate_lifetime, seconds(1),
                                     rotation.leaf_lifetime));
  HAWSER_RETURN_IF_ERROR(ReadSeconds("agent-certificate-lifetime", FLAGS_agent_certificate_lifetime,
                                     seconds(600), rotation.agent_leaf_lifetime));
  HAWSER_RETURN_IF_ERROR(
      ReadSeconds("trust-delivery", FLAGS_trust_delivery, seconds(0), rotation.delivery));
  HAWSER_RETURN_IF_ERROR(ReadSeconds("replaced-link-timeout", FLAGS_replaced_link_timeout,
                                     seconds(0), rotation.replaced_link));
  // A certificate is renewed when a third of its life is left, and has to reach its pods in time.
  if (rotation.leaf_lifetime < 3 * rotation.delivery)
    return BadFlag("certificate-lifetime", "must be at least three times --trust-delivery");
  return absl::OkStatus();
}

absl::Status ReadHub(HubSettings& hub) {
  hub.image_pull_policy = FLAGS_image_pull_policy;
  static const std::set<std::string> kPolicies = {"", "Always", "IfNotPresent", "Never"};
  if (!kPolicies.contains(hub.image_pull_policy))
    return BadFlag("image-pull-policy", "must be Always, IfNotPresent or Never");
  hub.image_pull_secrets = absl::StrSplit(FLAGS_image_pull_secrets, ',', absl::SkipEmpty());
  hub.network_policies = FLAGS_network_policies;
  hub.metrics_from = nlohmann::json::parse(FLAGS_metrics_from, nullptr, /*allow_exceptions=*/false);
  if (!hub.metrics_from.is_array()) return BadFlag("metrics-from", "is no JSON list");
  return absl::OkStatus();
}

absl::StatusOr<std::string> Needed(const std::string& flag, const std::string& value) {
  if (value.empty()) return BadFlag(flag, "is needed");
  return value;
}

}  // namespace

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  options.kubeconfig = FLAGS_kubeconfig;
  options.ns = FLAGS_namespace;
  const char* pod_namespace = std::getenv("POD_NAMESPACE");
  if (options.ns.empty() && pod_namespace != nullptr) options.ns = pod_namespace;
  HAWSER_RETURN_IF_ERROR(Needed("namespace", options.ns).status());
  HAWSER_ASSIGN_OR_RETURN(options.configuration, Needed("configuration", FLAGS_configuration));
  HAWSER_ASSIGN_OR_RETURN(options.agent_namespace,
                          Needed("agent-install-namespace", FLAGS_agent_install_namespace));
  HAWSER_ASSIGN_OR_RETURN(options.signer_secret, Needed("signer-secret", FLAGS_signer_secret));
  options.signer_must_exist = FLAGS_signer_must_exist;
  if (!FLAGS_certificate_secrets.empty())
    options.certificate_secrets = absl::StrSplit(FLAGS_certificate_secrets, ',', absl::SkipEmpty());
  options.kube_api_proxy = FLAGS_enable_kube_api_proxy;
  options.trust_domain = FLAGS_trust_domain;
  if (!pki::ParseIdentity("spiffe://" + options.trust_domain + "/client/x").ok())
    return BadFlag("trust-domain", "no trust domain: " + base::Quote(options.trust_domain));
  HAWSER_RETURN_IF_ERROR(ReadRotation(options.rotation));
  HAWSER_RETURN_IF_ERROR(ReadHub(options.hub));
  options.leader_elect = FLAGS_leader_elect;
  HAWSER_ASSIGN_OR_RETURN(options.identity, base::ProcessId("", "POD_UID"));
  HAWSER_ASSIGN_OR_RETURN(options.health, base::BindAddress("health-host", FLAGS_health_host,
                                                            "health-port", FLAGS_health_port));
  options.uninstall = FLAGS_uninstall;
  HAWSER_ASSIGN_OR_RETURN(options.uninstall_timeout,
                          base::PositiveDuration("uninstall-timeout", FLAGS_uninstall_timeout));
  return options;
}

}  // namespace hawser::addon_manager
