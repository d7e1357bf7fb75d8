// A hub's API server and an addon-manager on it, for tests, which play everybody else: operators,
// Open Cluster Management, clusters' agents and the cloud.
//
//   TestHub hub;
//   hub.StartManager();
//   hub.Configure();
//   hub.AddCluster("paris");
//   hub.AwaitWork("paris");
//
// Threads: the test's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "addon-manager/authorities.h"
#include "addon-manager/manager.h"
#include "addon-manager/options.h"
#include "addon-manager/resources.h"
#include "lib/kube/client.h"
#include "lib/kube/fake_api_server.h"

namespace hawser::addon_manager {

class TestHub {
 public:
  using Wanted = std::function<bool(const kube::Object&)>;
  static constexpr char kNs[] = "addon";

  TestHub();
  TestHub(const TestHub&) = delete;
  TestHub& operator=(const TestHub&) = delete;
  ~TestHub();

  // Of managers that are started from now on. Nothing is waited for that takes time to get to pods.
  Options options;
  kube::FakeApiServer& server() { return *server_; }
  // To begin without an API server, and with it later.
  void StopServer();
  void StartServer();

  Manager& StartManager();
  void StopManager();
  // What a page of the manager says: "/metrics".
  std::string Page(const std::string& path);
  // Waits until it says that, too.
  void AwaitOnPage(const std::string& path, const std::string& text);

  // As a client with all rights. Each must be possible.
  kube::Object Get(const kube::Resource& resource, const kube::ObjectName& name);
  kube::Object Create(const kube::Resource& resource, const kube::Object& object);
  void Patch(const kube::Resource& resource, const kube::ObjectName& name,
             const kube::Object& patch);
  void PatchStatus(const kube::Resource& resource, const kube::ObjectName& name,
                   const kube::Object& status);
  void Delete(const kube::Resource& resource, const kube::ObjectName& name);
  // Waits for an object that is as it is wanted.
  kube::Object Await(const kube::Resource& resource, const kube::ObjectName& name,
                     const Wanted& wanted);

  // The ManagedProxyConfiguration; agents reach the hub at hub.example.
  void Configure();
  void ConfigurePatch(const kube::Object& spec);
  void Annotate(const char* name, const std::string& value);
  // Makes the manager look at it.
  void Touch();
  // Waits for that status ("True", "False") of one of its conditions; the condition.
  kube::Object AwaitCondition(const std::string& type, const std::string& status);

  // What a Secret holds, decoded.
  std::map<std::string, std::string> SecretData(const std::string& name);
  std::map<std::string, std::string> AwaitSecret(
      const std::string& name,
      const std::function<bool(const std::map<std::string, std::string>&)>& wanted);
  Authorities AwaitAuthorities(const std::function<bool(const Authorities&)>& wanted);
  void StoreAuthorities(const Authorities& authorities);

  // A managed cluster, available, with the add-on, which Open Cluster Management has configured.
  void AddCluster(const std::string& name, bool accepted = true);
  kube::Object AwaitAddon(const std::string& cluster, const Wanted& wanted);
  kube::Object AwaitWork(
      const std::string& cluster, const Wanted& wanted = [](const kube::Object&) { return true; });
  // As the cluster's work agent says when it has applied what there is.
  void ReportApplied(const std::string& cluster);
  // As the cluster's registration agent asks for what is registered for that signer; the name of
  // the request. `change` makes it another one.
  std::string Request(
      const std::string& cluster, const std::string& signer,
      const std::function<void(kube::Object&)>& change = [](kube::Object&) {});
  pki::Certificate AwaitCertificate(const std::string& request);

 private:
  const std::string folder_;
  std::unique_ptr<kube::FakeApiServer> server_;
  std::unique_ptr<kube::Client> client_;
  uint16_t port_ = 0;  // while there is no server
  int next_ = 0;
  std::unique_ptr<Manager> manager_;
  std::thread running_;
};

}  // namespace hawser::addon_manager
