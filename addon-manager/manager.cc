#include "addon-manager/manager.h"

#include <glog/logging.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "addon-manager/metrics.h"
#include "addon-manager/names.h"
#include "lib/base/status.h"

namespace hawser::addon_manager {
namespace {

using Response = net::Http1Server::Response;

constexpr char kLease[] = "cluster-proxy-addon-manager";
// How often it is looked whether everything has been read once, and when that is worth a line.
constexpr base::Duration kSyncLook = std::chrono::milliseconds(100);
constexpr base::Duration kPatience = std::chrono::seconds(2);

// What fails for a while is looked at often enough to go on soon after.
kube::Controller::Options Workers(int count) {
  kube::Controller::Options options;
  options.workers = count;
  options.queue.longest_delay = std::chrono::seconds(30);
  return options;
}

// Agents are told apart by more than one name only where their namespace is one of the usual ones.
std::vector<std::string> HostSuffixes(const Options& options) {
  return {options.agent_namespace, kSharedNamespace};
}

tunnel::NameRules Names(const Options& options) {
  std::vector<tunnel::Domain> suffixes;
  for (const std::string& suffix : HostSuffixes(options))
    suffixes.push_back(tunnel::Domain::Parse(suffix).value_or(tunnel::Domain()));
  return {{}, std::move(suffixes)};
}

HubSettings WithNames(const Options& options) {
  HubSettings hub = options.hub;
  hub.host_suffixes = HostSuffixes(options);
  hub.trust_domain = options.trust_domain;
  return hub;
}

// All that there is to read in Secrets: the rights are for these names only.
std::vector<std::string> Secrets(const Options& options) {
  std::set<std::string> secrets(options.certificate_secrets.begin(),
                                options.certificate_secrets.end());
  secrets.insert({options.signer_secret, kServerCaSecret, kTicketKeysSecret});
  return {secrets.begin(), secrets.end()};
}

// An add-on may name a configuration before Open Cluster Management refers to it.
bool Mentions(const kube::Object& addon, const kube::ObjectName& config) {
  const auto any = [&addon](std::initializer_list<const char*> path, auto is) {
    const kube::Object* list = kube::Find(addon, path);
    return list != nullptr && list->is_array() && std::any_of(list->begin(), list->end(), is);
  };
  const auto is_name = [&config](const ConfigId& id) {
    return id.ns == config.ns && id.name == config.name;
  };
  return any({"status", "configReferences"},
             [&](const kube::Object& entry) { return is_name(DesiredConfig(entry)); }) ||
         any({"spec", "configs"},
             [&](const kube::Object& entry) { return is_name(NamedConfig(entry)); });
}

}  // namespace

Manager::Manager(const Options& options, const kube::Config& config)
    : options_(options),
      client_(config),
      election_client_(config),
      sources_(
          client_,
          {.ns = options.ns, .configuration = options.configuration, .secrets = Secrets(options)}),
      state_([this] { EnqueueAll(); }),
      configuration_reconciler_(client_, sources_, state_,
                                {.ns = options.ns,
                                 .signer_secret = options.signer_secret,
                                 .signer_must_exist = options.signer_must_exist,
                                 .trust_domain = options.trust_domain,
                                 .rotation = options.rotation,
                                 .hub = WithNames(options)}),
      addon_reconciler_(client_, sources_, state_, leaves_,
                        {.agent_namespace = options.agent_namespace,
                         .kube_api_proxy = options.kube_api_proxy,
                         .host_suffixes = HostSuffixes(options),
                         .replaced_link = options.rotation.replaced_link}),
      management_addon_reconciler_(client_, sources_),
      csr_reconciler_(
          client_, sources_, state_, leaves_,
          {.trust_domain = options.trust_domain,
           .names = Names(options),
           .lifetime = options.rotation.agent_leaf_lifetime,
           .on_signed = [this](const std::string& cluster) { addons_.queue().Add(cluster); }}),
      configurations_("configuration", configuration_reconciler_, Workers(1)),
      addons_("add-on of cluster", addon_reconciler_, Workers(4)),
      management_addons_("clustermanagementaddon", management_addon_reconciler_, Workers(1)),
      signing_requests_("certificate request", csr_reconciler_, Workers(2)),
      signals_(
          loop_, [this] { Stop(); }, [] {}),
      waits_({.burst = 1, .interval = std::chrono::seconds(10)}),
      sync_look_(loop_) {
  Connect();
}

absl::StatusOr<std::unique_ptr<Manager>> Manager::Create(const Options& options) {
  HAWSER_ASSIGN_OR_RETURN(const kube::Config config, kube::LoadConfig(options.kubeconfig));
  std::unique_ptr<Manager> manager(new Manager(options, config));
  HAWSER_RETURN_IF_ERROR(manager->CreatePages());
  return manager;
}

Manager::~Manager() {
  // Whatever only a leader may do ends before somebody else can lead.
  for (kube::Controller* controller : Controllers()) controller->Stop();
  if (election_) election_->Stop();
  sources_.Stop();
}

std::array<kube::Controller*, 4> Manager::Controllers() {
  return {&configurations_, &addons_, &management_addons_, &signing_requests_};
}

// Which keys each change concerns.
void Manager::Connect() {
  const auto look_at_configuration = [this](const kube::Change&) {
    configurations_.queue().Add(options_.configuration);
  };
  const auto look_at_management_addon = [this](const kube::Change&) {
    management_addons_.queue().Add(kAddonName);
  };
  const auto look_at_cluster = [this](const kube::Change& change) {
    addons_.queue().Add(kube::NameFromKey(change.key).ns);
  };
  for (kube::Informer* informer : {&sources_.proxy_configurations, &sources_.config_maps,
                                   &sources_.services, &sources_.deployments})
    informer->OnChange(look_at_configuration);
  for (const auto& secret : sources_.secrets) secret->OnChange(look_at_configuration);
  for (kube::Informer* informer :
       {&sources_.proxy_configurations, &sources_.deployment_configs, &sources_.management_addons})
    informer->OnChange(look_at_management_addon);
  for (kube::Informer* informer : {&sources_.proxy_configurations, &sources_.deployment_configs})
    informer->OnChange([this](const kube::Change& change) { EnqueueUsersOf(change); });
  for (kube::Informer* informer : {&sources_.cluster_addons, &sources_.works})
    informer->OnChange(look_at_cluster);
  sources_.clusters.OnChange(
      [this](const kube::Change& change) { addons_.queue().Add(change.key); });
  sources_.signing_requests.OnChange(
      [this](const kube::Change& change) { signing_requests_.queue().Add(change.key); });
}

// Before there was a state nothing could be said of any of them.
void Manager::EnqueueAll() {
  for (const kube::ObjectPtr& addon : sources_.cluster_addons.List())
    addons_.queue().Add(kube::NameOf(*addon).ns);
  for (const kube::ObjectPtr& request : sources_.signing_requests.List())
    signing_requests_.queue().Add(kube::NameOf(*request).name);
}

void Manager::EnqueueUsersOf(const kube::Change& config) {
  const kube::ObjectName name = kube::NameFromKey(config.key);
  for (const kube::ObjectPtr& addon : sources_.cluster_addons.List())
    if (Mentions(*addon, name)) addons_.queue().Add(kube::NameOf(*addon).ns);
}

absl::Status Manager::CreatePages() {
  HAWSER_ASSIGN_OR_RETURN(health_, net::PagePort::Listen(loop_, options_.health));
  served_.push_back({"health", health_->address()});
  health_->pages().Handle("/healthz", [](const std::string&) { return Response{.body = "ok\n"}; });
  health_->pages().Handle("/readyz", [this](const std::string& query) { return Ready(query); });
  health_->pages().Handle("/metrics", [this](const std::string&) { return Metrics(); });
  return absl::OkStatus();
}

// Ready: everything has been read once. Those that do not lead are ready too, to take over.
Response Manager::Ready(const std::string& query) const {
  const bool verbose = query == "verbose" || query.starts_with("verbose=");
  std::string text;
  for (const auto& [name, informer] : sources_.All()) {
    const absl::Status status = informer->status();
    absl::StrAppend(&text, informer->synced() ? "[+]" : "[-]", name, " ",
                    status.ok() ? "ok" : std::string(status.message()), "\n");
  }
  const bool ready = sources_.Synced();
  return {.status = ready ? 200 : 503, .body = ready && !verbose ? "ok\n" : text};
}

Response Manager::Metrics() const {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = MetricsText({.leader = election_ == nullptr || election_->IsLeader(),
                               .sources = sources_,
                               .controllers = {{"configuration", &configurations_},
                                               {"addon", &addons_},
                                               {"management_addon", &management_addons_},
                                               {"signing_request", &signing_requests_}},
                               .figures = configuration_reconciler_.figures(),
                               .requests = csr_reconciler_.counts()})};
}

// Nobody works on half of the facts.
void Manager::WorkOnceCurrent() {
  const absl::Status current = sources_.Current();
  if (current.ok()) {
    for (kube::Controller* controller : Controllers()) controller->Start();
    return;
  }
  if (loop_.Now() - leading_since_ > kPatience)
    if (const auto admitted = waits_.Admit(loop_.Now()))
      LOG(WARNING) << std::string(current.message());
  sync_look_.Set(kSyncLook, [this] { WorkOnceCurrent(); });
}

void Manager::Lead() {
  LOG(INFO) << "leading";
  leading_since_ = loop_.Now();
  WorkOnceCurrent();
}

// Somebody else may lead, and change what was known: when this one leads again, nobody works before
// the configuration was looked at.
void Manager::Follow() {
  sync_look_.Cancel();
  for (kube::Controller* controller : Controllers()) controller->Stop();
  configuration_reconciler_.Forget();
  state_.Set(nullptr);
  configurations_.queue().Add(options_.configuration);
  LOG(WARNING) << "not leading any more";
}

void Manager::Run() {
  sources_.Start();
  if (options_.leader_elect) {
    election_ = std::make_unique<kube::LeaderElection>(
        election_client_,
        kube::LeaderElectionOptions{.lease = {options_.ns, kLease},
                                    .identity = options_.identity,
                                    .on_elected = [this] { loop_.Post([this] { Lead(); }); },
                                    .on_lost = [this] { loop_.Post([this] { Follow(); }); }});
    election_->Start();
  } else {
    loop_.Post([this] { Lead(); });
  }
  loop_.Run();
}

void Manager::Stop() {
  loop_.Post([this] { loop_.Stop(); });
}

void Manager::HandleSignals() { signals_.Handle(); }

}  // namespace hawser::addon_manager
