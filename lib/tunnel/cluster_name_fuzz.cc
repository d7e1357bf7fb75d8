#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/tunnel/cluster_name.h"
#include "lib/tunnel/host_name.h"
#include "lib/tunnel/name_rules.h"

// The first line is a domain, the rest a host. What is parsed must be canonical and parse alike
// when put together again; what a name rule says of its owner must agree with the grammar.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hawser::tunnel::CanonicalAddress;
  using hawser::tunnel::CanonicalHost;
  using hawser::tunnel::Domain;
  using hawser::tunnel::Host;
  using hawser::tunnel::NameRules;
  using hawser::tunnel::ParseTarget;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  const auto domain = Domain::Parse(line == std::string::npos ? "" : input.substr(0, line));
  const auto host = Host::Parse(input.substr(line + 1));
  if (!domain || !host) return 0;
  CHECK(*Host::Parse(host->text()) == *host);
  const NameRules rules(*domain, {Domain::Parse("agents-ns").value()});
  const auto destination = rules.Resolve(*host);
  const auto target = ParseTarget(*host, *domain);
  if (!destination.owner.empty()) {
    CHECK(destination.service_proxy.empty());
    CHECK(rules.Owns(destination.owner, host->text()));
    CHECK(!rules.Owns("x" + destination.owner, host->text()));
    // Another rule than the grammar's gave it away.
    if (!target || target->cluster != destination.owner)
      CHECK(host->text().ends_with("." + destination.owner + ".agents-ns") ||
            host->text() == destination.owner + ".agents-ns");
  }
  if (!target) return 0;
  CHECK(!CanonicalAddress(target->cluster));
  CHECK_EQ(*CanonicalHost(target->cluster), target->cluster);
  if (target->address.empty()) {
    CHECK(*ParseTarget(*Host::Parse(target->cluster), Domain()) == *target);
  } else {
    CHECK_EQ(*CanonicalHost(target->address), target->address);
    if (!CanonicalAddress(target->address))
      CHECK(*ParseTarget(*Host::Parse(target->address + "." + target->cluster), Domain()) ==
            *target);
  }
  return 0;
}
