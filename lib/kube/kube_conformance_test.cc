// What this library relies on, held against an API server: the one of the kubeconfig that
// HAWSER_KUBE_APISERVER names, whose user may do everything, else the fake of the other tests,
// which is thus as real as they need it. Leaves nothing behind but what a failure leaves.
#include <gtest/gtest.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <set>

#include "absl/strings/escaping.h"
#include "lib/kube/api_error.h"
#include "lib/kube/client.h"
#include "lib/kube/controller.h"
#include "lib/kube/fake_api_server.h"
#include "lib/kube/informer.h"
#include "lib/kube/leader_election.h"
#include "lib/kube/token_review.h"
#include "lib/pki/authority.h"
#include "lib/pki/signing_request.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::std::chrono::minutes;
using Code = absl::StatusCode;

const Resource kConfigMaps{.version = "v1", .plural = "configmaps"};
const Resource kQuotas{.version = "v1", .plural = "resourcequotas"};
const Resource kServiceAccounts{.version = "v1", .plural = "serviceaccounts"};
const Resource kNamespaces{.version = "v1", .plural = "namespaces", .namespaced = false};

class KubeConformanceTest : public ::testing::Test {
 protected:
  KubeConformanceTest() {
    ::signal(SIGPIPE, SIG_IGN);  // as daemons do
    const char* kubeconfig = std::getenv("HAWSER_KUBE_APISERVER");
    if (kubeconfig != nullptr && *kubeconfig != '\0') {
      const auto config = LoadKubeconfig(kubeconfig);
      EXPECT_THAT(config, IsOk());
      config_ = *config;
    } else {
      fake_.emplace();
      config_ = fake_->config();
    }
    client_.emplace(config_, Client::Options{.qps = 0, .page = 3});
    // A namespace of its own for each test; nothing in it needs a controller.
    ns_ = "hawser-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
    EXPECT_THAT(client_->Create(
                    kNamespaces,
                    {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns_}}}}),
                IsOk());
  }
  ~KubeConformanceTest() override { client_->Delete(kNamespaces, {"", ns_}).IgnoreError(); }

  Object ConfigMap(const std::string& name, const Object& data = {{"a", "1"}}) {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"namespace", ns_}, {"name", name}}},
            {"data", data}};
  }
  Object MustCreate(const Object& object) {
    const auto created = client_->Create(kConfigMaps, object);
    EXPECT_THAT(created, IsOk());
    return created.value_or(Object());
  }

  std::optional<FakeApiServer> fake_;
  Config config_;
  std::optional<Client> client_;
  std::string ns_;
};

TEST_F(KubeConformanceTest, ObjectsComeAndGo) {
  EXPECT_THAT(client_->Get(kConfigMaps, {ns_, "x"}), StatusIs(Code::kNotFound));
  const Object created = MustCreate(ConfigMap("x"));
  EXPECT_FALSE(UidOf(created).empty());
  EXPECT_FALSE(ResourceVersionOf(created).empty());
  EXPECT_THAT(client_->Create(kConfigMaps, ConfigMap("x")), StatusIs(Code::kAlreadyExists));
  const auto got = client_->Get(kConfigMaps, {ns_, "x"});
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(*got, created);
  EXPECT_THAT(client_->Delete(kConfigMaps, {ns_, "x"}), IsOk());
  EXPECT_THAT(client_->Delete(kConfigMaps, {ns_, "x"}), StatusIs(Code::kNotFound));
}

TEST_F(KubeConformanceTest, RefusalsHaveReasons) {
  const auto invalid = client_->Create(kConfigMaps, ConfigMap("Not_A_Name"));
  EXPECT_THAT(invalid, StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(ReasonOf(invalid.status()), "Invalid");
  EXPECT_EQ(HttpStatusOf(invalid.status()), 422);
  const Resource nothing{.group = "nothing.example", .version = "v1", .plural = "things"};
  EXPECT_THAT(client_->Get(nothing, {ns_, "x"}), StatusIs(Code::kNotFound));
  EXPECT_THAT(
      client_->Do(
          {.method = "POST", .target = "/api/v1/namespaces/" + ns_ + "/configmaps", .body = "{"}),
      StatusIs(Code::kInvalidArgument));
}

TEST_F(KubeConformanceTest, UpdatesNeedTheNewestVersion) {
  Object first = MustCreate(ConfigMap("x"));
  Object second = first;
  second["data"]["a"] = "2";
  const auto updated = client_->Update(kConfigMaps, second);
  ASSERT_THAT(updated, IsOk());
  EXPECT_NE(ResourceVersionOf(*updated), ResourceVersionOf(first));
  first["data"]["a"] = "3";
  EXPECT_TRUE(IsConflict(client_->Update(kConfigMaps, first).status()));
  // What changes nothing makes no new version.
  const auto same = client_->Update(kConfigMaps, *updated);
  ASSERT_THAT(same, IsOk());
  EXPECT_EQ(ResourceVersionOf(*same), ResourceVersionOf(*updated));
}

TEST_F(KubeConformanceTest, MergePatchesMayNeedAVersion) {
  const Object created = MustCreate(ConfigMap("x", {{"a", "1"}, {"b", "2"}}));
  const ObjectName name{ns_, "x"};
  const auto patched =
      client_->MergePatch(kConfigMaps, name, {{"data", {{"a", nullptr}, {"c", "3"}}}});
  ASSERT_THAT(patched, IsOk());
  EXPECT_EQ((*patched)["data"], Object({{"b", "2"}, {"c", "3"}}));
  const Object late = {{"metadata", {{"resourceVersion", ResourceVersionOf(created)}}},
                       {"data", {{"d", "4"}}}};
  EXPECT_TRUE(IsConflict(client_->MergePatch(kConfigMaps, name, late).status()));
  EXPECT_THAT(client_->MergePatch(kConfigMaps, {ns_, "none"}, late), StatusIs(Code::kNotFound));
}

TEST_F(KubeConformanceTest, ApplyOwnsItsFields) {
  const ApplyOptions one{.field_manager = "one"};
  const ApplyOptions two{.field_manager = "two", .force = false};
  ASSERT_THAT(client_->Apply(kConfigMaps, ConfigMap("x", {{"a", "1"}, {"b", "1"}}), one), IsOk());
  const auto conflict = client_->Apply(kConfigMaps, ConfigMap("x", {{"a", "2"}}), two);
  EXPECT_TRUE(IsConflict(conflict.status())) << conflict.status();
  ASSERT_THAT(client_->Apply(kConfigMaps, ConfigMap("x", {{"c", "2"}}), two), IsOk());
  // What it names no more goes away; what others own stays.
  const auto less = client_->Apply(kConfigMaps, ConfigMap("x", {{"a", "1"}}), one);
  ASSERT_THAT(less, IsOk());
  EXPECT_EQ((*less)["data"], Object({{"a", "1"}, {"c", "2"}}));
  const auto again = client_->Apply(kConfigMaps, ConfigMap("x", {{"a", "1"}}), one);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(ResourceVersionOf(*again), ResourceVersionOf(*less));
  const auto taken =
      client_->Apply(kConfigMaps, ConfigMap("x", {{"a", "2"}}), {.field_manager = "two"});
  ASSERT_THAT(taken, IsOk());
  EXPECT_EQ((*taken)["data"]["a"], "2");
}

TEST_F(KubeConformanceTest, StatusIsApart) {
  Object quota = {{"apiVersion", "v1"},
                  {"kind", "ResourceQuota"},
                  {"metadata", {{"namespace", ns_}, {"name", "q"}}},
                  {"spec", {{"hard", {{"pods", "1"}}}}}};
  quota["status"]["used"]["pods"] = "5";
  const auto created = client_->Create(kQuotas, quota);
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(StringAt(*created, {"status", "used", "pods"}), "");
  const ObjectName name{ns_, "q"};
  const auto patched = client_->MergePatch(
      kQuotas.Sub("status"), name,
      {{"spec", {{"hard", {{"pods", "7"}}}}}, {"status", {{"used", {{"pods", "1"}}}}}});
  ASSERT_THAT(patched, IsOk());
  EXPECT_EQ(StringAt(*patched, {"status", "used", "pods"}), "1");
  EXPECT_EQ(StringAt(*patched, {"spec", "hard", "pods"}), "1");
  Object replaced = *patched;
  replaced["spec"]["hard"]["pods"] = "2";
  replaced["status"]["used"]["pods"] = "9";
  const auto updated = client_->Update(kQuotas, replaced);
  ASSERT_THAT(updated, IsOk());
  EXPECT_EQ(StringAt(*updated, {"spec", "hard", "pods"}), "2");
  EXPECT_EQ(StringAt(*updated, {"status", "used", "pods"}), "1");
  replaced["metadata"]["resourceVersion"] = ResourceVersionOf(*updated);
  const auto of_status = client_->Update(kQuotas.Sub("status"), replaced);
  ASSERT_THAT(of_status, IsOk());
  EXPECT_EQ(StringAt(*of_status, {"status", "used", "pods"}), "9");
}

TEST_F(KubeConformanceTest, DeletionHasPreconditions) {
  const Object created = MustCreate(ConfigMap("x"));
  const ObjectName name{ns_, "x"};
  EXPECT_TRUE(IsConflict(client_->Delete(kConfigMaps, name, {.uid = "another"})));
  EXPECT_TRUE(IsConflict(client_->Delete(kConfigMaps, name, {.resource_version = "1"})));
  EXPECT_THAT(client_->Delete(kConfigMaps, name,
                              {.propagation = "Background",
                               .uid = UidOf(created),
                               .resource_version = ResourceVersionOf(created)}),
              IsOk());
}

TEST_F(KubeConformanceTest, FinalizersHoldUpADeletion) {
  Object object = ConfigMap("x");
  object["metadata"]["finalizers"] = {"hawser.example/test"};
  const Object created = MustCreate(object);
  EXPECT_FALSE(IsBeingDeleted(created));
  const ObjectName name{ns_, "x"};
  ASSERT_THAT(client_->Delete(kConfigMaps, name), IsOk());
  const auto dying = client_->Get(kConfigMaps, name);
  ASSERT_THAT(dying, IsOk());
  EXPECT_TRUE(IsBeingDeleted(*dying));
  EXPECT_EQ(UidOf(*dying), UidOf(created));
  ASSERT_THAT(
      client_->MergePatch(kConfigMaps, name, {{"metadata", {{"deletionTimestamp", nullptr}}}}),
      IsOk());
  EXPECT_TRUE(IsBeingDeleted(*client_->Get(kConfigMaps, name))) << "there is no way back";
  ASSERT_THAT(client_->MergePatch(kConfigMaps, name, {{"metadata", {{"finalizers", nullptr}}}}),
              IsOk());
  EXPECT_THAT(client_->Get(kConfigMaps, name), StatusIs(Code::kNotFound));
}

TEST_F(KubeConformanceTest, GenerationsCountChangesOfTheContent) {
  const Resource budgets{.group = "policy", .version = "v1", .plural = "poddisruptionbudgets"};
  const auto created = client_->Create(budgets, {{"apiVersion", "policy/v1"},
                                                 {"kind", "PodDisruptionBudget"},
                                                 {"metadata", {{"namespace", ns_}, {"name", "x"}}},
                                                 {"spec", {{"maxUnavailable", 1}}}});
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(IntAt(*created, {"metadata", "generation"}, 0), 1);
  const auto generation_after = [&](const Object& patch) {
    const auto patched = client_->MergePatch(budgets, {ns_, "x"}, patch);
    EXPECT_THAT(patched, IsOk());
    return IntAt(patched.value_or(Object()), {"metadata", "generation"}, 0);
  };
  EXPECT_EQ(generation_after({{"metadata", {{"labels", {{"a", "b"}}}}}}), 1);
  EXPECT_EQ(generation_after({{"spec", {{"maxUnavailable", 2}}}}), 2);
  EXPECT_EQ(generation_after({{"metadata", {{"generation", 9}}}}), 2);
}

TEST_F(KubeConformanceTest, AnApprovalIsNoCertificate) {
  const Resource requests{.group = "certificates.k8s.io",
                          .version = "v1",
                          .plural = "certificatesigningrequests",
                          .namespaced = false};
  const auto authority = pki::Authority::Create("test", std::chrono::hours(1));
  const auto key = pki::PrivateKey::Generate();
  const std::string certificate = absl::Base64Escape(
      authority->Issue({.common_name = "x", .client = true}, key->get())->ToPem());
  const std::string pem = pki::SigningRequest::Create(*key, "x")->ToPem();
  const auto created = client_->Create(requests, {{"apiVersion", "certificates.k8s.io/v1"},
                                                  {"kind", "CertificateSigningRequest"},
                                                  {"metadata", {{"name", ns_}}},
                                                  {"spec",
                                                   {{"signerName", "hawser.example/test"},
                                                    {"usages", {"client auth"}},
                                                    {"request", absl::Base64Escape(pem)}}}});
  ASSERT_THAT(created, IsOk());
  Object approved = *created;
  approved["status"]["certificate"] = certificate;
  approved["status"]["conditions"] = {
      {{"type", "Approved"}, {"status", "True"}, {"reason", "Test"}, {"message", "as it is"}}};
  const auto after = client_->Update(requests.Sub("approval"), approved);
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(StringAt((*after)["status"]["conditions"][0], {"type"}), "Approved");
  EXPECT_EQ(StringAt(*after, {"status", "certificate"}), "");
  const auto done = client_->MergePatch(requests.Sub("status"), {"", ns_},
                                        {{"status", {{"certificate", certificate}}}});
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(StringAt(*done, {"status", "certificate"}), certificate);
  EXPECT_EQ(StringAt((*done)["status"]["conditions"][0], {"type"}), "Approved");
  EXPECT_THAT(client_->Delete(requests, {"", ns_}), IsOk());
}

TEST_F(KubeConformanceTest, ListsPageByPageAndSelect) {
  std::set<std::string> names;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) {
    Object object = ConfigMap(name);
    object["metadata"]["labels"] = {{"first", name < std::string("c") ? "yes" : "no"}};
    MustCreate(object);
    names.insert(name);
  }
  // A namespace may have more of them than ours.
  const auto list = client_->List(kConfigMaps, {.ns = ns_, .label_selector = "first"});
  ASSERT_THAT(list, IsOk());
  std::set<std::string> listed;
  for (const Object& item : list->items) {
    EXPECT_EQ(StringAt(item, {"kind"}), "ConfigMap");
    EXPECT_EQ(StringAt(item, {"apiVersion"}), "v1");
    listed.insert(NameOf(item).name);
  }
  EXPECT_EQ(listed, names);
  EXPECT_EQ(client_->List(kConfigMaps, {.ns = ns_, .label_selector = "first=yes"})->items.size(),
            2u);
  EXPECT_EQ(
      client_->List(kConfigMaps, {.ns = ns_, .field_selector = "metadata.name=d"})->items.size(),
      1u);
  const auto none = client_->List(kConfigMaps, {.ns = ns_, .label_selector = "second"});
  ASSERT_THAT(none, IsOk());
  EXPECT_TRUE(none->items.empty());
  EXPECT_FALSE(none->resource_version.empty());
}

TEST_F(KubeConformanceTest, AWatchResumesWhereItIsTold) {
  const Object first = MustCreate(ConfigMap("x"));
  const auto second = client_->MergePatch(kConfigMaps, {ns_, "x"}, {{"data", {{"a", "2"}}}});
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT(client_->Delete(kConfigMaps, {ns_, "x"}), IsOk());
  std::vector<WatchEvent> events;
  const absl::Status status =
      Watch(*client_, kConfigMaps,
            {.selection = {.ns = ns_, .field_selector = "metadata.name=x"},
             .resource_version = ResourceVersionOf(first),
             .duration = std::chrono::seconds(60)},
            [&](WatchEvent event) {
              if (event.type != WatchEvent::Type::kBookmark) events.push_back(std::move(event));
              return events.size() < 2 ? absl::OkStatus() : absl::CancelledError("enough");
            },
            {});
  EXPECT_THAT(status, StatusIs(Code::kCancelled));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].type, WatchEvent::Type::kModified);
  EXPECT_EQ(ResourceVersionOf(events[0].object), ResourceVersionOf(*second));
  EXPECT_EQ(events[1].type, WatchEvent::Type::kDeleted);
}

TEST_F(KubeConformanceTest, TheServerEndsAWatchInTime) {
  const auto list = client_->List(kConfigMaps, {.ns = ns_});
  ASSERT_THAT(list, IsOk());
  EXPECT_THAT(Watch(*client_, kConfigMaps,
                    {.selection = {.ns = ns_},
                     .resource_version = list->resource_version,
                     .duration = std::chrono::seconds(1)},
                    [](const WatchEvent&) { return absl::OkStatus(); }, {}),
              IsOk());
}

// The pieces together: what changes reaches a reconciler, which finds it in the informer's store.
TEST_F(KubeConformanceTest, AControllerFollowsAnInformer) {
  class Copier final : public Reconciler {
   public:
    explicit Copier(Informer& informer) : informer_(informer) {}
    absl::StatusOr<Outcome> Reconcile(const std::string& key, const std::stop_token&) override {
      const ObjectPtr object = informer_.Get(key);
      const std::lock_guard lock(mutex_);
      seen_[key] = object == nullptr ? "gone" : StringAt(*object, {"data", "a"});
      changed_.notify_all();
      return Outcome::Done();
    }
    void Await(const std::string& key, const std::string& value) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return seen_[key] == value; });
    }

   private:
    Informer& informer_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, std::string> seen_;  // guarded by mutex_
  };

  MustCreate(ConfigMap("a"));
  Informer informer(*client_, {.resource = kConfigMaps, .selection = {.ns = ns_}});
  Copier copier(informer);
  Controller controller("copier", copier);
  informer.OnChange([&](const Change& change) { controller.queue().Add(change.key); });
  controller.Start();
  informer.Start();
  ASSERT_TRUE(informer.WaitForSync(minutes(1)));
  copier.Await(ns_ + "/a", "1");
  MustCreate(ConfigMap("b"));
  copier.Await(ns_ + "/b", "1");
  ASSERT_THAT(client_->MergePatch(kConfigMaps, {ns_, "b"}, {{"data", {{"a", "2"}}}}), IsOk());
  copier.Await(ns_ + "/b", "2");
  ASSERT_THAT(client_->Delete(kConfigMaps, {ns_, "a"}), IsOk());
  copier.Await(ns_ + "/a", "gone");
  EXPECT_EQ(informer.counts().lists, 1u);
  informer.Stop();
  controller.Stop();
}

TEST_F(KubeConformanceTest, OneOfTwoCandidatesLeads) {
  const auto options = [&](const std::string& identity) {
    return LeaderElectionOptions{.lease = {ns_, "lock"}, .identity = identity};
  };
  LeaderElector a(*client_, options("a"));
  LeaderElector b(*client_, options("b"));
  a.Step({});
  b.Step({});
  a.Step({});
  EXPECT_TRUE(a.IsLeader());
  EXPECT_FALSE(b.IsLeader());
  EXPECT_EQ(b.holder(), "a");
  a.Release();
  b.Step({});
  EXPECT_TRUE(b.IsLeader());
  const auto lease = client_->Get(kLeases, {ns_, "lock"});
  ASSERT_THAT(lease, IsOk());
  EXPECT_EQ(ParseLease(*lease).holder, "b");
  EXPECT_EQ(ParseLease(*lease).transitions, 1);
}

TEST_F(KubeConformanceTest, TokensAreReviewed) {
  ASSERT_THAT(
      client_->Create(kServiceAccounts, {{"apiVersion", "v1"},
                                         {"kind", "ServiceAccount"},
                                         {"metadata", {{"namespace", ns_}, {"name", "agent"}}}}),
      IsOk());
  const auto answer =
      client_->Do({.method = "POST",
                   .target = "/api/v1/namespaces/" + ns_ + "/serviceaccounts/agent/token",
                   .body = R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest",
                   "spec":{"audiences":["hub"],"expirationSeconds":600}})"});
  ASSERT_THAT(answer, IsOk());
  const std::string token = StringAt(*answer, {"status", "token"});

  TokenReviewer hub(*client_, {.audiences = {"hub"}});
  const auto identity = hub.Review(token);
  ASSERT_THAT(identity, IsOk());
  EXPECT_TRUE(identity->authenticated);
  EXPECT_EQ(identity->username, "system:serviceaccount:" + ns_ + ":agent");
  EXPECT_THAT(identity->groups, ::testing::Contains("system:serviceaccounts"));
  EXPECT_THAT(identity->audiences, ::testing::ElementsAre("hub"));

  TokenReviewer another(*client_, {.audiences = {"another"}});
  EXPECT_FALSE(another.Review(token)->authenticated);
  EXPECT_FALSE(hub.Review("not.a.token")->authenticated);
  EXPECT_FALSE(hub.Review(token + "x")->authenticated);
}

}  // namespace
}  // namespace hawser::kube
