#include "lib/kube/config.h"

#include <arpa/inet.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "lib/base/host_port.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/kube/exec_credential.h"
#include "lib/kube/kubeconfig.h"
#include "lib/pki/pem_file.h"

namespace hawser::kube {
namespace {

bool IsLoopback(const std::string& host) {
  in_addr ipv4;
  if (::inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  return host == "::1" || host == "localhost";
}

std::string EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Paths in a kubeconfig are relative to it.
std::string Resolve(const std::filesystem::path& folder, const std::string& path) {
  return path.empty() ? path : (folder / path).string();
}

std::unique_ptr<TextSource> SourceOf(const std::filesystem::path& folder, const TextOrFile& value,
                                     TextSource::Kind kind) {
  if (!value.text.empty()) return std::make_unique<TextSource>(value.text);
  if (value.file.empty()) return nullptr;
  return std::make_unique<TextSource>(Resolve(folder, value.file), kind);
}

std::shared_ptr<Credentials> CredentialsOf(const std::filesystem::path& folder,
                                           const Kubeconfig& kubeconfig) {
  if (kubeconfig.exec.has_value()) {
    ExecSpec spec = *kubeconfig.exec;
    if (spec.command.find('/') != std::string::npos) spec.command = Resolve(folder, spec.command);
    return std::make_shared<ExecCredentials>(std::move(spec));
  }
  using Kind = TextSource::Kind;
  return std::make_shared<StaticCredentials>(StaticCredentials::Sources{
      .token = SourceOf(folder, kubeconfig.token, Kind::kPublic),
      .certificate = SourceOf(folder, kubeconfig.client_certificate, Kind::kPublic),
      .key = SourceOf(folder, kubeconfig.client_key, Kind::kPrivateKey)});
}

}  // namespace

absl::StatusOr<ServerUrl> ParseServerUrl(const std::string& url) {
  const auto error = [&](const std::string& why) {
    return absl::InvalidArgumentError("server " + base::Quote(url) + ": " + why);
  };
  ServerUrl server;
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return error("want https://host:port");
  const std::string scheme = url.substr(0, scheme_end);
  if (scheme != "https" && scheme != "http") return error("want https");
  server.tls = scheme == "https";
  const size_t begin = scheme_end + 3;
  const size_t end = std::min(url.find('/', begin), url.size());
  std::string address = url.substr(begin, end - begin);
  if (address.find_first_of("@?#") != std::string::npos)
    return error("it may have a host, a port and a path only");
  const bool has_port =
      address.rfind(':') != std::string::npos && (address.empty() || address.back() != ']');
  if (!has_port) address += server.tls ? ":443" : ":80";
  const auto host_port = base::ParseHostPort(address);
  if (!host_port.ok()) return error(std::string(host_port.status().message()));
  server.host = host_port->host;
  server.port = host_port->port;
  server.prefix = url.substr(end);
  while (!server.prefix.empty() && server.prefix.back() == '/') server.prefix.pop_back();
  for (const char c : server.prefix)
    if (c <= ' ' || c >= '\x7f' || c == '?' || c == '#') return error("its path is not allowed");
  if (!server.tls && !IsLoopback(server.host))
    return error("plain http is for loopback addresses only");
  return server;
}

absl::StatusOr<Config> InClusterConfig(const std::string& folder) {
  const std::string host = EnvironmentValue("KUBERNETES_SERVICE_HOST");
  const std::string port = EnvironmentValue("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty())
    return absl::FailedPreconditionError(
        "in-cluster configuration: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not "
        "set: not in a pod, and no kubeconfig is given");
  const bool ipv6 = host.find(':') != std::string::npos;
  Config config;
  auto server = ParseServerUrl("https://" + (ipv6 ? "[" + host + "]" : host) + ":" + port);
  if (!server.ok()) return base::Annotate(server.status(), "in-cluster configuration");
  config.server = *std::move(server);

  const std::string authorities = folder + "/ca.crt";
  const std::string token = folder + "/token";
  config.authorities = std::make_shared<TextSource>(authorities, TextSource::Kind::kPublic);
  config.credentials = std::make_shared<StaticCredentials>(StaticCredentials::Sources{
      .token = std::make_unique<TextSource>(token, TextSource::Kind::kPublic)});
  for (const absl::Status& status :
       {config.authorities->Read().status(), config.credentials->Get().status()})
    if (!status.ok()) return base::Annotate(status, "in-cluster configuration");
  if (auto ns = pki::ReadPemFile(folder + "/namespace"); ns.ok() && !ns->empty()) {
    absl::StripAsciiWhitespace(&*ns);
    config.ns = *ns;
  }
  return config;
}

absl::StatusOr<Config> LoadKubeconfig(const std::string& path, const std::string& context) {
  HAWSER_ASSIGN_OR_RETURN(const std::string text, pki::ReadPemFile(path));
  HAWSER_ASSIGN_OR_RETURN(const Kubeconfig kubeconfig, ParseKubeconfig(text, path, context));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  Config config;
  config.server = kubeconfig.server;
  config.server_name = kubeconfig.server_name;
  config.authorities = SourceOf(folder, kubeconfig.authorities, TextSource::Kind::kPublic);
  config.credentials = CredentialsOf(folder, kubeconfig);
  if (!kubeconfig.ns.empty()) config.ns = kubeconfig.ns;
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  return path.empty() ? InClusterConfig() : LoadKubeconfig(path);
}

}  // namespace hawser::kube
