#include "lib/kube/kubeconfig.h"

#include "absl/strings/escaping.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/base/yaml.h"

namespace hawser::kube {
namespace {

using base::YamlError;

// A map of the file, and what it is called in messages. Reading throws what yaml-cpp throws.
class Section {
 public:
  Section(YAML::Node node, std::string what) : node_(std::move(node)), what_(std::move(what)) {}

  absl::Status CheckIsMap() const { return node_.IsMap() ? absl::OkStatus() : Error("want a map"); }
  absl::Status Error(const std::string& why) const { return YamlError(node_, what_ + ": " + why); }
  absl::Status Error(const char* key, const std::string& why) const {
    return YamlError(node_[key] ? node_[key] : node_, what_ + ": " + key + ": " + why);
  }

  YAML::Node at(const char* key) const { return node_[key]; }
  bool Has(const char* key) const { return node_[key] && !node_[key].IsNull(); }

  // "" when it is not there.
  absl::StatusOr<std::string> Text(const char* key) const {
    if (!Has(key)) return std::string();
    if (!node_[key].IsScalar()) return Error(key, "want text");
    return node_[key].Scalar();
  }

  // `key` names a file, `key`-data has its content in base64.
  absl::StatusOr<TextOrFile> DataOrFile(const char* key) const {
    const std::string data_key = std::string(key) + "-data";
    TextOrFile value;
    HAWSER_ASSIGN_OR_RETURN(value.file, Text(key));
    HAWSER_ASSIGN_OR_RETURN(const std::string data, Text(data_key.c_str()));
    if (!absl::Base64Unescape(data, &value.text)) return Error(data_key.c_str(), "not base64");
    return value;
  }

  absl::Status Refuse(const char* key, const std::string& why) const {
    return Has(key) ? Error(key, why) : absl::OkStatus();
  }

 private:
  const YAML::Node node_;
  const std::string what_;
};

// The entry of a list like `clusters` that has the given name: its value under `kind`.
absl::StatusOr<Section> FindEntry(const YAML::Node& root, const char* list, const char* kind,
                                  const std::string& name) {
  const std::string what = std::string(kind) + " " + base::Quote(name);
  if (root[list] && root[list].IsSequence()) {
    for (const YAML::Node& entry : root[list]) {
      if (!entry.IsMap() || !entry["name"] || !entry["name"].IsScalar()) continue;
      if (entry["name"].Scalar() != name) continue;
      // A user without any credentials may be null.
      const YAML::Node value =
          entry[kind] && !entry[kind].IsNull() ? entry[kind] : YAML::Node(YAML::NodeType::Map);
      Section section(value, what);
      HAWSER_RETURN_IF_ERROR(section.CheckIsMap());
      return section;
    }
  }
  return YamlError(root[list] ? root[list] : root, what + " is not in " + list);
}

absl::Status ReadCluster(const Section& cluster, Kubeconfig& into) {
  HAWSER_RETURN_IF_ERROR(cluster.Refuse("proxy-url", "proxies are not supported"));
  if (cluster.Has("insecure-skip-tls-verify") && cluster.at("insecure-skip-tls-verify").as<bool>())
    return cluster.Error("insecure-skip-tls-verify",
                         "not supported: name the cluster's certificate-authority");
  HAWSER_ASSIGN_OR_RETURN(const std::string server, cluster.Text("server"));
  if (server.empty()) return cluster.Error("server", "missing");
  const auto url = ParseServerUrl(server);
  if (!url.ok()) return cluster.Error("server", std::string(url.status().message()));
  into.server = *url;
  HAWSER_ASSIGN_OR_RETURN(into.server_name, cluster.Text("tls-server-name"));
  HAWSER_ASSIGN_OR_RETURN(into.authorities, cluster.DataOrFile("certificate-authority"));
  return absl::OkStatus();
}

absl::Status ReadArguments(const Section& exec, ExecSpec& spec) {
  if (!exec.Has("args")) return absl::OkStatus();
  if (!exec.at("args").IsSequence()) return exec.Error("args", "want a list of texts");
  for (const YAML::Node& argument : exec.at("args")) {
    if (!argument.IsScalar()) return exec.Error("args", "want a list of texts");
    spec.arguments.push_back(argument.Scalar());
  }
  return absl::OkStatus();
}

absl::Status ReadEnvironment(const Section& exec, ExecSpec& spec) {
  if (!exec.Has("env")) return absl::OkStatus();
  if (!exec.at("env").IsSequence()) return exec.Error("env", "want a list of maps");
  for (const YAML::Node& variable : exec.at("env")) {
    const bool complete = variable.IsMap() && variable["name"] && variable["name"].IsScalar() &&
                          variable["value"] && variable["value"].IsScalar();
    if (!complete) return exec.Error("env", "want name and value");
    const std::string name = variable["name"].Scalar();
    if (name.empty() || name.find('=') != std::string::npos)
      return exec.Error("env", "name " + base::Quote(name) + " is not allowed");
    spec.environment.emplace_back(name, variable["value"].Scalar());
  }
  return absl::OkStatus();
}

// What a credential program may ask for with provideClusterInfo.
Object ClusterInfo(const Kubeconfig& kubeconfig, const std::string& server) {
  Object info = {{"server", server}};
  if (!kubeconfig.server_name.empty()) info["tls-server-name"] = kubeconfig.server_name;
  if (!kubeconfig.authorities.text.empty())
    info["certificate-authority-data"] = absl::Base64Escape(kubeconfig.authorities.text);
  return info;
}

absl::Status ReadExec(const Section& exec, const std::string& server, Kubeconfig& into) {
  HAWSER_RETURN_IF_ERROR(exec.CheckIsMap());
  ExecSpec spec;
  HAWSER_ASSIGN_OR_RETURN(spec.api_version, exec.Text("apiVersion"));
  if (spec.api_version != "client.authentication.k8s.io/v1" &&
      spec.api_version != "client.authentication.k8s.io/v1beta1")
    return exec.Error("apiVersion", "want client.authentication.k8s.io/v1 or /v1beta1");
  HAWSER_ASSIGN_OR_RETURN(spec.command, exec.Text("command"));
  if (spec.command.empty()) return exec.Error("command", "missing");
  HAWSER_ASSIGN_OR_RETURN(const std::string interactive, exec.Text("interactiveMode"));
  if (interactive == "Always")
    return exec.Error("interactiveMode", "a program that asks questions cannot be used here");
  HAWSER_RETURN_IF_ERROR(ReadArguments(exec, spec));
  HAWSER_RETURN_IF_ERROR(ReadEnvironment(exec, spec));
  if (exec.Has("provideClusterInfo") && exec.at("provideClusterInfo").as<bool>())
    spec.cluster = ClusterInfo(into, server);
  into.exec = std::move(spec);
  return absl::OkStatus();
}

absl::Status ReadUser(const Section& user, const std::string& server, Kubeconfig& into) {
  for (const char* key : {"username", "password"})
    HAWSER_RETURN_IF_ERROR(user.Refuse(key, "basic authentication is not supported"));
  HAWSER_RETURN_IF_ERROR(user.Refuse("auth-provider", "not supported: use exec"));
  for (const char* key : {"as", "as-uid", "as-groups", "as-user-extra"})
    HAWSER_RETURN_IF_ERROR(user.Refuse(key, "impersonation is not supported"));
  HAWSER_ASSIGN_OR_RETURN(into.token.text, user.Text("token"));
  HAWSER_ASSIGN_OR_RETURN(into.token.file, user.Text("tokenFile"));
  // The other way around than for all else: kubectl prefers the file, which may be newer.
  if (!into.token.file.empty()) into.token.text.clear();
  HAWSER_ASSIGN_OR_RETURN(into.client_certificate, user.DataOrFile("client-certificate"));
  HAWSER_ASSIGN_OR_RETURN(into.client_key, user.DataOrFile("client-key"));
  const auto given = [](const TextOrFile& value) {
    return !value.text.empty() || !value.file.empty();
  };
  if (given(into.client_certificate) != given(into.client_key))
    return user.Error("only one of client-certificate and client-key");
  if (!user.Has("exec")) return absl::OkStatus();
  if (given(into.token) || given(into.client_certificate))
    return user.Error("exec", "there are other credentials, too");
  return ReadExec(Section(user.at("exec"), "exec"), server, into);
}

absl::Status ReadRoot(const YAML::Node& root, std::string context, Kubeconfig& into) {
  const Section top(root, "kubeconfig");
  HAWSER_RETURN_IF_ERROR(top.CheckIsMap());
  if (context.empty()) {
    HAWSER_ASSIGN_OR_RETURN(context, top.Text("current-context"));
    if (context.empty()) return top.Error("current-context", "missing");
  }
  HAWSER_ASSIGN_OR_RETURN(const Section entry, FindEntry(root, "contexts", "context", context));
  HAWSER_ASSIGN_OR_RETURN(into.ns, entry.Text("namespace"));
  HAWSER_ASSIGN_OR_RETURN(const std::string cluster_name, entry.Text("cluster"));
  HAWSER_ASSIGN_OR_RETURN(const std::string user_name, entry.Text("user"));
  HAWSER_ASSIGN_OR_RETURN(const Section cluster,
                          FindEntry(root, "clusters", "cluster", cluster_name));
  HAWSER_RETURN_IF_ERROR(ReadCluster(cluster, into));
  HAWSER_ASSIGN_OR_RETURN(const std::string server, cluster.Text("server"));
  if (user_name.empty()) return absl::OkStatus();
  HAWSER_ASSIGN_OR_RETURN(const Section user, FindEntry(root, "users", "user", user_name));
  return ReadUser(user, server, into);
}

}  // namespace

absl::StatusOr<Kubeconfig> ParseKubeconfig(const std::string& text, const std::string& name,
                                           const std::string& context) {
  Kubeconfig kubeconfig;
  HAWSER_RETURN_IF_ERROR(base::ReadYaml(
      text, name, [&](const YAML::Node& root) { return ReadRoot(root, context, kubeconfig); }));
  return kubeconfig;
}

}  // namespace hawser::kube
