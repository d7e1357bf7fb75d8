#include "addon-manager/configuration_reconciler.h"

#include <glog/logging.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "addon-manager/fields.h"
#include "addon-manager/names.h"
#include "addon-manager/resources.h"
#include "addon-manager/ticket_keys.h"
#include "lib/base/status.h"
#include "lib/kube/api_error.h"
#include "lib/pki/identity.h"

namespace hawser::addon_manager {
namespace {

// Objects of kinds that are not watched are written again this often, should they have changed.
constexpr std::chrono::minutes kResync{10};
// While a rotation waits for something.
constexpr std::chrono::seconds kRotationLook{10};

kube::Condition Failure(const char* type, const char* reason, const absl::Status& status) {
  return {type, false, reason, std::string(status.message())};
}

// A Deployment's condition as ours.
kube::Condition Deployed(const kube::ObjectPtr& deployment) {
  const int64_t wanted = deployment ? kube::IntAt(*deployment, {"spec", "replicas"}, 0) : 0;
  const int64_t ready = deployment ? kube::IntAt(*deployment, {"status", "readyReplicas"}, 0) : 0;
  return {"ProxyServerDeployed", true, "Applied",
          absl::StrCat(ready, " of ", wanted, " replicas are ready")};
}

}  // namespace

TrustBundles ConfigurationReconciler::Pass::Bundles() const {
  TrustBundles bundles = stored.authorities.Bundles();
  bundles.servers += own_server_authorities;
  return bundles;
}

ConfigurationReconciler::ConfigurationReconciler(kube::Client& client, const Sources& sources,
                                                 HubStateCell& state, Options options)
    : client_(client),
      sources_(sources),
      state_(state),
      options_(std::move(options)),
      store_(client, {options_.ns, options_.signer_secret}, options_.signer_must_exist) {}

absl::StatusOr<kube::Outcome> ConfigurationReconciler::Reconcile(const std::string& key,
                                                                 const std::stop_token& stop) {
  Pass pass;
  pass.object = sources_.proxy_configurations.Get(key);
  if (pass.object == nullptr || kube::IsBeingDeleted(*pass.object)) {
    state_.Set(nullptr);  // the rest goes with its owner
    return kube::Outcome::Done();
  }
  pass.call.stop = stop;
  pass.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  pass.next_look = pass.now + kResync;

  auto configuration = ParseProxyConfiguration(*pass.object);
  if (configuration.ok() && configuration->server.namespace_.empty())
    configuration->server.namespace_ = options_.ns;
  if (configuration.ok() && configuration->server.namespace_ != options_.ns)
    configuration = WrongField("spec.proxyServer.namespace",
                               "must be " + options_.ns + ", where the addon-manager is");
  if (!configuration.ok()) {
    pass.conditions = {
        Failure("ProxyServerDeployed", "InvalidConfiguration", configuration.status())};
    LOG(ERROR) << "managedproxyconfiguration " << key << ": "
               << std::string(configuration.status().message());
    HAWSER_RETURN_IF_ERROR(WriteStatus(pass));
    return kube::Outcome::Done();  // until it changes
  }
  pass.configuration = *std::move(configuration);

  const absl::Status brought = Bring(pass);
  if (!brought.ok() && !kube::IsConflict(brought))
    pass.conditions.push_back(Failure("ProxyServerDeployed", "Failed", brought));
  HAWSER_RETURN_IF_ERROR(WriteStatus(pass));
  HAWSER_RETURN_IF_ERROR(brought);
  return kube::Outcome::After(
      std::max<pki::WallTime::duration>(pass.next_look - pass.now, std::chrono::milliseconds(1)));
}

absl::Status ConfigurationReconciler::Bring(Pass& pass) {
  HAWSER_ASSIGN_OR_RETURN(pass.stored,
                          store_.Load(OwnerReferences(pass.configuration),
                                      options_.rotation.authority_lifetime, pass.now, pass.call));
  HAWSER_RETURN_IF_ERROR(ReplaceExpired(pass));
  HAWSER_RETURN_IF_ERROR(EnsureLeaves(pass));
  HAWSER_ASSIGN_OR_RETURN(
      const pki::WallTime next_keys,
      EnsureTicketKeys(client_, options_.ns, OwnerReferences(pass.configuration), pass.now,
                       pass.call));
  pass.next_look = std::min(pass.next_look, next_keys);
  HAWSER_RETURN_IF_ERROR(ApplyObjects(pass));
  Publish(pass);
  HAWSER_ASSIGN_OR_RETURN(const bool advanced, AdvanceRotation(pass));
  if (advanced) pass.next_look = pass.now;
  return absl::OkStatus();
}

// Nothing that an expired authority has signed is good any more, so there is nothing to overlap.
absl::Status ConfigurationReconciler::ReplaceExpired(Pass& pass) {
  if (pass.stored.authorities.provided) return absl::OkStatus();
  Authorities next = pass.stored.authorities;
  for (const auto& [name, rotation] : Authorities::Members()) {
    HAWSER_ASSIGN_OR_RETURN(const pki::Authority signer, Signer(next.*rotation));
    if (signer.certificate().not_after() > pass.now) continue;
    LOG(ERROR) << "authority of " << name << " has expired on "
               << kube::FormatTime(signer.certificate().not_after()) << ": a new one replaces it";
    HAWSER_ASSIGN_OR_RETURN(CaRotation::Pair made,
                            MakeAuthority(name, options_.rotation.authority_lifetime));
    next.*rotation = {.since = pass.now,
                      .active = std::move(made),
                      .other = std::nullopt,
                      .request = (next.*rotation).request};
  }
  if (next == pass.stored.authorities) return absl::OkStatus();
  HAWSER_RETURN_IF_ERROR(store_.Save(pass.stored, next, pass.call));
  HAWSER_ASSIGN_OR_RETURN(pass.stored,
                          store_.Load(OwnerReferences(pass.configuration),
                                      options_.rotation.authority_lifetime, pass.now, pass.call));
  return absl::OkStatus();
}

absl::Status ConfigurationReconciler::EnsureLeaves(Pass& pass) {
  const ProxyConfiguration& configuration = pass.configuration;
  const Authorities& authorities = pass.stored.authorities;
  const std::vector<std::string> names =
      ServerNames(configuration, BalancerAddresses(configuration));
  const std::string client =
      "uri:" + pki::IdentityUri(pki::ClientIdentity{options_.trust_domain, "proxy-client"});
  const HubLeaf leaves[] = {{configuration.proxy_server_secret,
                             "ProxyServerSecretSigned",
                             &authorities.servers,
                             {.common_name = "proxy-server", .names = names, .server = true}},
                            {configuration.agent_server_secret,
                             "AgentServerSecretSigned",
                             &authorities.servers,
                             {.common_name = "agent-server", .names = names, .server = true}},
                            {configuration.proxy_client_secret,
                             "ProxyClientSecretSigned",
                             &authorities.clients,
                             {.common_name = "proxy-client", .names = {client}}}};
  Figures figures;
  for (const auto& [name, rotation] : Authorities::Members()) {
    figures.phases[name] = (authorities.*rotation).phase;
    HAWSER_ASSIGN_OR_RETURN(const pki::Authority signer, Signer(authorities.*rotation));
    figures.expirations[absl::StrCat("authority ", name)] = signer.certificate().not_after();
  }
  for (const HubLeaf& leaf : leaves) {
    const auto outcome = EnsureLeaf(client_, options_.ns, OwnerReferences(configuration), leaf,
                                    options_.rotation.leaf_lifetime, pass.now, pass.call);
    if (!outcome.ok()) {
      pass.conditions.push_back(Failure(leaf.condition.c_str(), "NotSigned", outcome.status()));
      return outcome.status();
    }
    pass.conditions.push_back({leaf.condition, true,
                               outcome->renewal == pki::WallTime::max() ? "Provided" : "Signed",
                               "valid until " + kube::FormatTime(outcome->expires)});
    figures.expirations[leaf.secret] = outcome->expires;
    pass.next_look = std::min(pass.next_look, outcome->renewal);
    if (leaf.authority == &authorities.servers) pass.own_server_authorities += outcome->authority;
  }
  const std::lock_guard lock(mutex_);
  figures_ = std::move(figures);
  return absl::OkStatus();
}

absl::Status ConfigurationReconciler::ApplyObjects(Pass& pass) {
  const TrustBundles bundles = pass.Bundles();
  const std::vector<kube::Object> objects = HubObjects(pass.configuration, options_.hub, bundles);
  for (const kube::Object& object : objects)
    HAWSER_RETURN_IF_ERROR(
        client_.Apply(ResourceOf(object), object, {.field_manager = kFieldManager}, pass.call)
            .status());
  HAWSER_RETURN_IF_ERROR(RemoveLeftovers(pass, objects));
  pass.conditions.push_back(Deployed(
      sources_.deployments.Get(kube::ObjectName{options_.ns, pass.configuration.name}.Key())));
  const Authorities& authorities = pass.stored.authorities;
  const std::string written = absl::StrJoin(
      {bundles.agents, bundles.clients, bundles.servers, authorities.agents.active.certificate,
       authorities.clients.active.certificate, authorities.servers.active.certificate},
      "|");
  if (written != written_) {
    written_ = written;
    written_at_ = pass.now;
  }
  return absl::OkStatus();
}

// What an entrypoint of another type, or of another name, has left.
absl::Status ConfigurationReconciler::RemoveLeftovers(const Pass& pass,
                                                      const std::vector<kube::Object>& wanted) {
  std::set<std::pair<std::string, std::string>> names;
  for (const kube::Object& object : wanted)
    names.emplace(kube::StringAt(object, {"kind"}), kube::NameOf(object).name);
  const auto remove = [&](const kube::Resource& resource, const std::string& name) {
    const absl::Status removed = client_.Delete(resource, {options_.ns, name}, {}, pass.call);
    return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
  };
  for (const kube::ObjectPtr& service : sources_.services.List()) {
    const std::string name = kube::NameOf(*service).name;
    if (!names.contains({"Service", name})) HAWSER_RETURN_IF_ERROR(remove(kServices, name));
  }
  if (names.contains({"Role", kPortForwardRole})) return absl::OkStatus();
  HAWSER_RETURN_IF_ERROR(remove(kRoleBindings, kPortForwardRole));
  return remove(kRoles, kPortForwardRole);
}

absl::StatusOr<bool> ConfigurationReconciler::AdvanceRotation(Pass& pass) {
  if (pass.stored.authorities.provided) {
    pass.conditions.push_back({"AuthorityRotationProgressing", false, "Provided",
                               "the authorities are the operator's own"});
    return false;
  }
  const RotationWorld world{.configuration = *pass.object,
                            .clusters = sources_.clusters.List(),
                            .works = sources_.works.List(),
                            .server_bundle = pass.Bundles().servers,
                            .written_at = written_at_,
                            .now = pass.now};
  Authorities next = pass.stored.authorities;
  std::vector<std::string> phases;
  bool stable = true;
  for (const auto& member : Authorities::Members()) {
    CaRotation& rotation = next.*member.rotation;
    const CaRotation before = rotation;
    HAWSER_ASSIGN_OR_RETURN(
        rotation,
        Advance(before, FactsOf(member, pass.stored.authorities, options_.rotation, world),
                pass.now,
                [&] { return MakeAuthority(member.name, options_.rotation.authority_lifetime); }));
    if (rotation.phase != before.phase)
      LOG(INFO) << "authority of " << member.name << ": " << PhaseName(before.phase) << " -> "
                << PhaseName(rotation.phase) << " (rotation " << RotationName(rotation) << ")";
    stable = stable && rotation.phase == CaRotation::Phase::kStable;
    phases.push_back(absl::StrCat(member.name, ": ", PhaseName(rotation.phase), " since ",
                                  kube::FormatTime(rotation.since)));
  }
  if (!(next == pass.stored.authorities))
    HAWSER_RETURN_IF_ERROR(store_.Save(pass.stored, next, pass.call));
  pass.conditions.push_back({"AuthorityRotationProgressing", !stable,
                             stable ? "Stable" : "Rotating", absl::StrJoin(phases, "; ")});
  if (!stable) pass.next_look = std::min(pass.next_look, pass.now + kRotationLook);
  return !(next == pass.stored.authorities);
}

std::vector<std::string> ConfigurationReconciler::BalancerAddresses(
    const ProxyConfiguration& configuration) const {
  std::vector<std::string> addresses;
  const Entrypoint& entrypoint = configuration.server.entrypoint;
  if (entrypoint.type != Entrypoint::Type::kLoadBalancer) return addresses;
  const auto service =
      sources_.services.Get(kube::ObjectName{options_.ns, entrypoint.service}.Key());
  const kube::Object* ingress =
      service ? kube::Find(*service, {"status", "loadBalancer", "ingress"}) : nullptr;
  if (ingress == nullptr || !ingress->is_array()) return addresses;
  for (const kube::Object& entry : *ingress)
    for (const char* field : {"hostname", "ip"})
      if (const std::string address = kube::StringAt(entry, {field}); !address.empty())
        addresses.push_back(address);
  return addresses;
}

std::vector<std::string> ConfigurationReconciler::AgentAddresses(
    const ProxyConfiguration& configuration) const {
  const Entrypoint& entrypoint = configuration.server.entrypoint;
  switch (entrypoint.type) {
    case Entrypoint::Type::kLoadBalancer: return BalancerAddresses(configuration);
    case Entrypoint::Type::kHostname: return {entrypoint.hostname};
    case Entrypoint::Type::kPortForward:
      // A name in the certificate: the way there leads through the hub's API server.
      return {configuration.server.service + "." + options_.ns};
  }
  return {};
}

void ConfigurationReconciler::Publish(const Pass& pass) {
  auto state = std::make_shared<HubState>();
  state->configuration = pass.configuration;
  // The generation is no reason to look at a thousand clusters.
  state->configuration.generation = 0;
  state->agents = pass.stored.authorities.agents;
  state->server_bundle = pass.Bundles().servers;
  state->addresses = AgentAddresses(pass.configuration);
  state_.Set(std::move(state));
}

absl::Status ConfigurationReconciler::WriteStatus(const Pass& pass) {
  const int64_t generation = kube::IntAt(*pass.object, {"metadata", "generation"}, 0);
  const kube::Object* before = kube::Find(*pass.object, {"status"});
  kube::Object status = before != nullptr && before->is_object() ? *before : kube::Object::object();
  status["lastObservedGeneration"] = generation;
  for (const kube::Condition& condition : pass.conditions)
    kube::SetCondition(status["conditions"], condition, generation, pass.now);
  if (before != nullptr && status == *before) return absl::OkStatus();
  const kube::Object patch = {
      {"metadata", {{"resourceVersion", kube::ResourceVersionOf(*pass.object)}}},
      {"status", status}};
  return client_
      .MergePatch(kProxyConfigurations.Sub("status"), kube::NameOf(*pass.object), patch, pass.call)
      .status();
}

void ConfigurationReconciler::Forget() {
  written_.clear();
  const std::lock_guard lock(mutex_);
  figures_ = {};
}

ConfigurationReconciler::Figures ConfigurationReconciler::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace hawser::addon_manager
