// The files that say how names are looked up, read again when they have changed.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/file_stamp.h"
#include "lib/base/scheduler.h"
#include "lib/net/dns/hosts_file.h"
#include "lib/net/dns/resolv_conf.h"

namespace hawser::net::dns {

class NameFiles {
 public:
  struct Paths {
    std::string resolv_conf = "/etc/resolv.conf";
    std::string hosts = "/etc/hosts";
  };
  explicit NameFiles(Paths paths) : paths_(std::move(paths)) {}

  // Looks at the files, unless it has done so within `interval`; true when one was read. A file
  // that is not there says nothing.
  bool Refresh(base::Time now, base::Duration interval);

  // The next Refresh() looks, however recently the last one did.
  void LookAgain() { looked_.reset(); }

  // Of the last Refresh(), of which there was one. Who is in the midst of a lookup keeps it.
  const std::shared_ptr<const ResolvConf>& conf() const { return conf_; }
  const HostsFile& hosts() const { return hosts_; }

 private:
  const Paths paths_;
  std::optional<base::Time> looked_;
  base::FileStamp conf_stamp_, hosts_stamp_;
  std::shared_ptr<const ResolvConf> conf_;
  HostsFile hosts_;
};

}  // namespace hawser::net::dns
