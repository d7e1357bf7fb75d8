#include "addon-manager/metrics.h"

#include "lib/base/metrics.h"

namespace hawser::addon_manager {
namespace {

using base::MetricFamilies;
using prometheus::MetricType;

void AddInformers(MetricFamilies& families, const Sources& sources) {
  auto& objects = families.Family("hawser_addon_manager_objects",
                                  "Objects that are known, by kind.", MetricType::Gauge);
  auto& lists = families.Family("hawser_addon_manager_lists_total",
                                "Times that all objects of a kind were read.", MetricType::Counter);
  auto& events = families.Family("hawser_addon_manager_watch_events_total",
                                 "Changes that were received, by kind.", MetricType::Counter);
  auto& failures = families.Family("hawser_addon_manager_watch_failures_total",
                                   "Lists and watches that failed, by kind.", MetricType::Counter);
  for (const auto& [name, informer] : sources.All()) {
    const kube::Informer::Counts counts = informer->counts();
    const MetricFamilies::Labels labels = {{"kind", name}};
    MetricFamilies::Add(objects, labels, static_cast<double>(informer->List().size()));
    MetricFamilies::Add(lists, labels, static_cast<double>(counts.lists));
    MetricFamilies::Add(events, labels, static_cast<double>(counts.events));
    MetricFamilies::Add(failures, labels, static_cast<double>(counts.failures));
  }
}

void AddControllers(MetricFamilies& families, const MetricSources& metrics) {
  auto& reconciles = families.Family("hawser_addon_manager_reconciles_total",
                                     "Looks at an object, by how they ended.", MetricType::Counter);
  for (const auto& [name, controller] : metrics.controllers) {
    const kube::Controller::Counts counts = controller->counts();
    MetricFamilies::Add(reconciles, {{"controller", name}, {"result", "done"}},
                        static_cast<double>(counts.done));
    MetricFamilies::Add(reconciles, {{"controller", name}, {"result", "failed"}},
                        static_cast<double>(counts.failed - counts.conflicts));
    MetricFamilies::Add(reconciles, {{"controller", name}, {"result", "conflict"}},
                        static_cast<double>(counts.conflicts));
  }
}

void AddCertificates(MetricFamilies& families, const MetricSources& metrics) {
  auto& phases =
      families.Family("hawser_addon_manager_authority_phase",
                      "1 for the phase of each authority's rotation.", MetricType::Gauge);
  using Phase = CaRotation::Phase;
  for (const auto& [name, phase] : metrics.figures.phases)
    for (const Phase each : {Phase::kStable, Phase::kPrepare, Phase::kTrustBoth,
                             Phase::kSignWithNew, Phase::kRetire, Phase::kRollBack})
      MetricFamilies::Add(phases, {{"authority", name}, {"phase", PhaseName(each)}},
                          each == phase ? 1 : 0);
  auto& expirations =
      families.Family("hawser_addon_manager_certificate_expiry_seconds",
                      "When certificates of the hub expire, since the epoch.", MetricType::Gauge);
  for (const auto& [name, time] : metrics.figures.expirations)
    MetricFamilies::Add(expirations, {{"certificate", name}},
                        std::chrono::duration<double>(
                            std::chrono::floor<std::chrono::seconds>(time).time_since_epoch())
                            .count());
  auto& requests = families.Family("hawser_addon_manager_signing_requests_total",
                                   "Certificate requests of clusters, by what became of them; "
                                   "pending: looks at those that are not right.",
                                   MetricType::Counter);
  MetricFamilies::Add(requests, {{"result", "approved"}},
                      static_cast<double>(metrics.requests.approved));
  MetricFamilies::Add(requests, {{"result", "signed"}},
                      static_cast<double>(metrics.requests.signed_));
  MetricFamilies::Add(requests, {{"result", "pending"}},
                      static_cast<double>(metrics.requests.pending));
}

}  // namespace

std::string MetricsText(const MetricSources& metrics) {
  MetricFamilies families;
  families.Gauge("hawser_addon_manager_leader", "1 while this one works.", metrics.leader ? 1 : 0);
  AddControllers(families, metrics);
  AddCertificates(families, metrics);
  AddInformers(families, metrics.sources);
  return families.Text();
}

}  // namespace hawser::addon_manager
