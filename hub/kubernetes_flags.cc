#include "hub/kubernetes_flags.h"

#include <gflags/gflags.h>
#include <glog/logging.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "lib/base/flag_values.h"
#include "lib/base/flags.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/kube/lease.h"

DEFINE_string(agent_token_file, "",
              "[Agents' tokens] file of bearer tokens, `token user` on each line, instead of the "
              "Kubernetes API: agents must send one whose user is the service account below");
DEFINE_string(agent_namespace, "", "[Agents' tokens] namespace of the agents' service account");
DEFINE_string(agent_service_account, "", "[Agents' tokens] name of the agents' service account");
DEFINE_string(authentication_audience, "",
              "[Agents' tokens] audience of the tokens, for the Kubernetes API");

DEFINE_string(kubeconfig, "", "[Kubernetes API] kubeconfig file; empty: that of the pod");
DEFINE_double(kubeconfig_qps, 0, "[Kubernetes API] requests per second; 0: the client's default");
DEFINE_int32(kubeconfig_burst, 0, "[Kubernetes API] requests at once; 0: the client's default");
DEFINE_string(kube_api_content_type, "application/vnd.kubernetes.protobuf",
              "[Without effect] JSON is spoken");
DEFINE_bool(enable_lease_controller, false,
            "[Kubernetes API] publish a lease of this server, by which agents count servers, and "
            "remove those that have expired");
DEFINE_string(lease_namespace, "kube-system", "[Kubernetes API] namespace of the servers' leases");
DEFINE_string(lease_label, "k8s-app=konnectivity-server", "[Kubernetes API] label of the leases");

DEFINE_bool(
    enable_profiling, false,
    "[Without effect] there is no Go runtime to profile; --admin-uds-name has /debug/sessions and "
    "/debug/connections");
DEFINE_bool(enable_contention_profiling, false, "[Without effect] needs --enable-profiling");
DEFINE_int32(xfr_channel_size, 10,
             "[Without effect] windows bound what is on its way (--first-window)");
DEFINE_bool(warn_on_channel_limit, true, "[Without effect] see hawser_window_stalls_total");

namespace hawser::hub {
namespace {

using base::BadFlag;

// key=value, comma separated.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(const std::string& text) {
  std::map<std::string, std::string> labels;
  for (const auto& part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> label = absl::StrSplit(part, '=');
    if (label.size() != 2) return BadFlag("lease-label", "not key=value: " + base::Quote(text));
    const std::string key(absl::StripAsciiWhitespace(label[0]));
    if (key.empty()) return BadFlag("lease-label", "not key=value: " + base::Quote(text));
    labels[key] = std::string(absl::StripAsciiWhitespace(label[1]));
  }
  return labels;
}

// What Kubernetes takes as the end of an object's name.
bool EndsName(const std::string& text) {
  const auto fits = [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '.';
  };
  return !text.empty() && text.size() < 200 && std::all_of(text.begin(), text.end(), fits) &&
         absl::ascii_isalnum(static_cast<unsigned char>(text.back()));
}

}  // namespace

absl::StatusOr<AgentTokens> AgentTokensFromFlags() {
  const std::string& file = FLAGS_agent_token_file;
  const bool asked = !FLAGS_agent_namespace.empty() || !FLAGS_agent_service_account.empty() ||
                     !FLAGS_authentication_audience.empty();
  if (!asked && file.empty()) return AgentTokens{};
  if (FLAGS_agent_namespace.empty())
    return BadFlag("agent-namespace", "is needed where agents are checked by their tokens");
  if (FLAGS_agent_service_account.empty())
    return BadFlag("agent-service-account", "is needed where agents are checked by their tokens");
  // Without one, every token that a pod has for the Kubernetes API itself would do.
  if (file.empty() && FLAGS_authentication_audience.empty())
    return BadFlag("authentication-audience",
                   "is needed where the Kubernetes API checks agents' tokens");
  return AgentTokens{
      file, "system:serviceaccount:" + FLAGS_agent_namespace + ":" + FLAGS_agent_service_account,
      FLAGS_authentication_audience};
}

absl::StatusOr<KubernetesApi> KubernetesApiFromFlags() {
  if (!FLAGS_kubeconfig.empty() && access(FLAGS_kubeconfig.c_str(), R_OK) != 0)
    return BadFlag("kubeconfig", "cannot be read: " + FLAGS_kubeconfig);
  if (!(FLAGS_kubeconfig_qps >= 0)) return BadFlag("kubeconfig-qps", "must not be negative");
  HAWSER_ASSIGN_OR_RETURN(const int burst,
                          base::AtLeast("kubeconfig-burst", FLAGS_kubeconfig_burst, 0));
  return KubernetesApi{FLAGS_kubeconfig, FLAGS_kubeconfig_qps, static_cast<double>(burst)};
}

absl::StatusOr<std::optional<ServerLeases>> ServerLeasesFromFlags(const std::string& server_id) {
  HAWSER_ASSIGN_OR_RETURN(auto labels, ParseLabels(FLAGS_lease_label));
  if (!FLAGS_enable_lease_controller) return std::nullopt;
  if (!EndsName(server_id))
    return BadFlag("server-id", "cannot be in the name of a lease: " + base::Quote(server_id));
  // The reference's name.
  ServerLeases leases{"konnectivity-proxy-server-" + server_id, FLAGS_lease_namespace,
                      std::move(labels)};
  if (!kube::ObjectPath(kube::kLeases, {leases.ns, leases.own_name}).ok())
    return BadFlag("lease-namespace", "not a namespace: " + base::Quote(leases.ns));
  return leases;
}

absl::Status CheckCompatibilityFlags(const Options& options) {
  if (FLAGS_enable_contention_profiling && !FLAGS_enable_profiling)
    return BadFlag("enable-contention-profiling", "--enable-profiling must also be set");
  HAWSER_RETURN_IF_ERROR(base::AtLeast("xfr-channel-size", FLAGS_xfr_channel_size, 1).status());
  // Those without effect in any case are told of by the daemon.
  std::vector<std::string> unused;
  if (!options.leases) unused = {"lease_namespace", "lease_label"};
  if (!options.leases && !options.agent_tokens.reviewed())
    unused.insert(unused.end(), {"kubeconfig", "kubeconfig_qps", "kubeconfig_burst"});
  for (std::string& flag : unused) {
    if (!base::IsGiven(flag)) continue;
    std::replace(flag.begin(), flag.end(), '_', '-');
    LOG(INFO) << "flag --" << flag << " has no effect";
  }
  return absl::OkStatus();
}

}  // namespace hawser::hub
