#include <glog/logging.h>

#include <cstdint>
#include <string>

#include "lib/net/dns/host.h"
#include "lib/net/dns/hosts_file.h"
#include "lib/net/dns/resolv_conf.h"

// Whatever is in the files: there is a server, and all names that come out can be asked for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace dns = hawser::net::dns;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const dns::ResolvConf conf = dns::ParseResolvConf(text, text);
  CHECK(!conf.servers.empty());
  CHECK_GT(conf.attempts, 0);
  CHECK_GT(conf.timeout.count(), 0);
  const auto candidates = dns::Candidates(conf, "web.default");
  CHECK(!candidates.empty());
  for (const std::string& name : candidates) CHECK(dns::IsHostName(name)) << name;
  const dns::HostsFile hosts(text);
  CHECK(!hosts.Find("localhost").empty());
  hosts.Find(text);
  return 0;
}
