// The addon-manager's metrics as text for a scrape.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "addon-manager/configuration_reconciler.h"
#include "addon-manager/csr_reconciler.h"
#include "addon-manager/sources.h"
#include "lib/kube/controller.h"

namespace hawser::addon_manager {

struct MetricSources {
  bool leader = false;
  const Sources& sources;
  std::vector<std::pair<const char*, const kube::Controller*>> controllers;  // by name
  ConfigurationReconciler::Figures figures;
  CsrReconciler::Counts requests;
};

std::string MetricsText(const MetricSources& metrics);

}  // namespace hawser::addon_manager
