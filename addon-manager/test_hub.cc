#include "addon-manager/test_hub.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "addon-manager/addon_status.h"
#include "addon-manager/names.h"
#include "addon-manager/secret_data.h"
#include "addon-manager/test_request.h"
#include "lib/kube/conditions.h"
#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using hawser::testing::IsOk;
using kube::Object;
using kube::ObjectName;

std::string MakeFolder() {
  std::string pattern = ::testing::TempDir() + "/hub-XXXXXX";
  return ::mkdtemp(pattern.data());
}

std::unique_ptr<kube::Client> QuickClient(const kube::FakeApiServer& server) {
  return std::make_unique<kube::Client>(server.config(), kube::Client::Options{.qps = 0});
}

ObjectName Configuration() { return {"", kAddonName}; }
ObjectName Addon(const std::string& cluster) { return {cluster, kAddonName}; }
ObjectName Work(const std::string& cluster) { return {cluster, kManifestWork}; }

Object True(const char* type) {
  return {{"type", type}, {"status", "True"}, {"reason", "Test"}, {"message", ""}};
}

}  // namespace

TestHub::TestHub() : folder_(MakeFolder()), server_(std::make_unique<kube::FakeApiServer>()) {
  client_ = QuickClient(*server_);
  options = {
      .kubeconfig = folder_ + "/kubeconfig",
      .ns = kNs,
      .configuration = kAddonName,
      .agent_namespace = "proxies",
      .signer_secret = "cluster-proxy-signer",
      .trust_domain = "hawser.test",
      .rotation = {.delivery = std::chrono::seconds(0), .replaced_link = std::chrono::seconds(0)},
      .leader_elect = false,
      .identity = "first",
      .health = {"127.0.0.1", 0}};
  std::ofstream(options.kubeconfig) << server_->Kubeconfig();
}

TestHub::~TestHub() {
  StopManager();
  std::filesystem::remove_all(folder_);
}

void TestHub::StopServer() {
  client_.reset();
  port_ = server_->port();
  server_.reset();
}

void TestHub::StartServer() {
  server_ = std::make_unique<kube::FakeApiServer>(std::nullopt, port_);
  client_ = QuickClient(*server_);
}

Manager& TestHub::StartManager() {
  auto manager = Manager::Create(options);
  EXPECT_THAT(manager, IsOk());
  manager_ = *std::move(manager);
  running_ = std::thread([this] { manager_->Run(); });
  return *manager_;
}

void TestHub::StopManager() {
  if (manager_ == nullptr) return;
  manager_->Stop();
  running_.join();
  manager_.reset();
}

std::string TestHub::Page(const std::string& path) {
  httplib::Client client("http://" + manager_->served().front().address);
  const auto answer = client.Get(path);
  EXPECT_TRUE(answer) << httplib::to_string(answer.error());
  return answer ? answer->body : "";
}

void TestHub::AwaitOnPage(const std::string& path, const std::string& text) {
  while (Page(path).find(text) == std::string::npos) std::this_thread::yield();
}

Object TestHub::Get(const kube::Resource& resource, const ObjectName& name) {
  auto object = client_->Get(resource, name);
  EXPECT_THAT(object, IsOk());
  return object.value_or(Object());
}

Object TestHub::Create(const kube::Resource& resource, const Object& object) {
  auto created = client_->Create(resource, object);
  EXPECT_THAT(created, IsOk());
  return created.value_or(Object());
}

void TestHub::Patch(const kube::Resource& resource, const ObjectName& name, const Object& patch) {
  EXPECT_THAT(client_->MergePatch(resource, name, patch), IsOk());
}

void TestHub::PatchStatus(const kube::Resource& resource, const ObjectName& name,
                          const Object& status) {
  Patch(resource.Sub("status"), name, {{"status", status}});
}

void TestHub::Delete(const kube::Resource& resource, const ObjectName& name) {
  EXPECT_THAT(client_->Delete(resource, name), IsOk());
}

Object TestHub::Await(const kube::Resource& resource, const ObjectName& name,
                      const Wanted& wanted) {
  return server_->Await(resource, name, [&wanted](const Object* object) {
    return object != nullptr && wanted(*object);
  });
}

void TestHub::Configure() {
  Create(kProxyConfigurations,
         {{"apiVersion", kProxyApi},
          {"kind", "ManagedProxyConfiguration"},
          {"metadata", {{"name", kAddonName}}},
          {"spec",
           {{"proxyServer",
             {{"image", "server:1"},
              {"entrypoint", {{"type", "Hostname"}, {"hostname", {{"value", "hub.example"}}}}}}},
            {"proxyAgent", {{"image", "agent:1"}}}}}});
}

void TestHub::ConfigurePatch(const Object& spec) {
  Patch(kProxyConfigurations, Configuration(), {{"spec", spec}});
}

void TestHub::Annotate(const char* name, const std::string& value) {
  Patch(kProxyConfigurations, Configuration(), {{"metadata", {{"annotations", {{name, value}}}}}});
}

void TestHub::Touch() { Annotate("hawser.test/touched", std::to_string(++next_)); }

Object TestHub::AwaitCondition(const std::string& type, const std::string& status) {
  const Object object = Await(kProxyConfigurations, Configuration(), [&](const Object& each) {
    const Object* condition = kube::FindCondition(each, type);
    return condition != nullptr && kube::StringAt(*condition, {"status"}) == status &&
           kube::IntAt(*condition, {"observedGeneration"}, 0) ==
               kube::IntAt(each, {"metadata", "generation"}, -1);
  });
  return *kube::FindCondition(object, type);
}

std::map<std::string, std::string> TestHub::SecretData(const std::string& name) {
  return SecretDataOf(Get(kSecrets, {kNs, name}));
}

std::map<std::string, std::string> TestHub::AwaitSecret(
    const std::string& name,
    const std::function<bool(const std::map<std::string, std::string>&)>& wanted) {
  return SecretDataOf(Await(kSecrets, {kNs, name},
                            [&](const Object& secret) { return wanted(SecretDataOf(secret)); }));
}

Authorities TestHub::AwaitAuthorities(const std::function<bool(const Authorities&)>& wanted) {
  return *AuthoritiesFromSecretData(
      AwaitSecret(options.signer_secret, [&](const std::map<std::string, std::string>& data) {
        const auto authorities = AuthoritiesFromSecretData(data);
        return authorities.ok() && wanted(*authorities);
      }));
}

void TestHub::StoreAuthorities(const Authorities& authorities) {
  const Object data = EncodeSecretData(ToSecretData(authorities));
  const ObjectName name{kNs, options.signer_secret};
  if (client_->Get(kSecrets, name).ok()) return Patch(kSecrets, name, {{"data", data}});
  Create(kSecrets, {{"apiVersion", "v1"},
                    {"kind", "Secret"},
                    {"metadata",
                     {{"namespace", name.ns},
                      {"name", name.name},
                      {"labels", {{kComponentLabel, kProxyServer}}}}},
                    {"data", data}});
}

void TestHub::AddCluster(const std::string& name, bool accepted) {
  Create(kClusters, {{"apiVersion", "cluster.open-cluster-management.io/v1"},
                     {"kind", "ManagedCluster"},
                     {"metadata", {{"name", name}}},
                     {"spec", {{"hubAcceptsClient", accepted}}}});
  PatchStatus(kClusters, {"", name}, {{"conditions", {True("ManagedClusterConditionAvailable")}}});
  Create(kClusterAddons, {{"apiVersion", kAddonApi},
                          {"kind", "ManagedClusterAddOn"},
                          {"metadata", {{"namespace", name}, {"name", kAddonName}}},
                          {"spec", Object::object()}});
  PatchStatus(kClusterAddons, Addon(name), {{"conditions", {True("Configured")}}});
}

Object TestHub::AwaitAddon(const std::string& cluster, const Wanted& wanted) {
  return Await(kClusterAddons, Addon(cluster), wanted);
}

Object TestHub::AwaitWork(const std::string& cluster, const Wanted& wanted) {
  return Await(kManifestWorks, Work(cluster), wanted);
}

void TestHub::ReportApplied(const std::string& cluster) {
  Object applied = True("Applied");
  applied["observedGeneration"] =
      kube::IntAt(Get(kManifestWorks, Work(cluster)), {"metadata", "generation"}, 0);
  PatchStatus(kManifestWorks, Work(cluster), {{"conditions", {applied}}});
}

std::string TestHub::Request(const std::string& cluster, const std::string& signer,
                             const std::function<void(Object&)>& change) {
  const std::string name = "addon-" + cluster + "-cluster-proxy-" + std::to_string(++next_);
  Registration registration;
  for (const Registration& each : ParseRegistrations(Get(kClusterAddons, Addon(cluster))))
    if (each.signer == signer) registration = each;
  Object request = {
      {"apiVersion", "certificates.k8s.io/v1"},
      {"kind", "CertificateSigningRequest"},
      {"metadata",
       {{"name", name}, {"labels", {{kClusterLabel, cluster}, {kAddonLabel, kAddonName}}}}},
      {"spec",
       {{"signerName", signer},
        {"username", "system:open-cluster-management:" + cluster + ":agent"},
        {"usages", {"digital signature", "key encipherment", "client auth"}},
        {"request", absl::Base64Escape(RequestPem(registration))}}}};
  change(request);
  Create(kSigningRequests, request);
  return name;
}

pki::Certificate TestHub::AwaitCertificate(const std::string& request) {
  const Object object = Await(kSigningRequests, {"", request}, [](const Object& each) {
    return !kube::StringAt(each, {"status", "certificate"}).empty();
  });
  std::string pem;
  absl::Base64Unescape(kube::StringAt(object, {"status", "certificate"}), &pem);
  auto certificate = pki::Certificate::FromPem(pem);
  EXPECT_THAT(certificate, IsOk());
  return *std::move(certificate);
}

}  // namespace hawser::addon_manager
