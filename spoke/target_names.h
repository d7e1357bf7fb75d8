// What a dialled name means inside this spoke.
//
//   web.default.svc.paris:80   own name stripped: web.default.svc:80
//   10-96-0-7.ip.paris:80      10.96.0.7:80
//   paris, any port            the kube-apiserver
//   anything else              itself
//
// What that gives is then looked up in the table of names.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "lib/base/host_port.h"
#include "lib/tunnel/host.h"
#include "spoke/resolve_table.h"

namespace hawser::spoke {

class TargetNames {
 public:
  struct Options {
    std::set<std::string> own_names;  // cluster names, canonical
    tunnel::Domain domain;            // --cluster-domain of the hub, may be empty
    base::HostPort kube_apiserver;    // canonical; no host: the bare name is one like any other
    ResolveTable table;
  };
  struct Target {
    std::string name;        // canonical name or address inside the spoke: the allow-list's host
    base::HostPort address;  // where it leads: a name to be resolved or an address
  };

  explicit TargetNames(Options options) : options_(std::move(options)) {}

  // Another table; for what is looked up from now on.
  void SetTable(ResolveTable table) { options_.table = std::move(table); }

  // `dialled` is canonical (ParseTargetAddress).
  Target Find(const base::HostPort& dialled) const;

 private:
  Options options_;
};

}  // namespace hawser::spoke
