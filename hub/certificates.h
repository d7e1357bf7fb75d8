// The certificates of the hub's ports, made anew when their files change. A port whose files are
// torn or do not fit together keeps what it had; the log says so once per change.
//
// Threads: the main thread; the slots are read by the shards.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hub/tls_slot.h"
#include "lib/base/scheduler.h"
#include "lib/net/tls_source.h"

namespace hawser::hub {

class Certificates {
 public:
  // What is known of the files of one name.
  struct Picture {
    std::chrono::system_clock::time_point expiry;  // of the certificate in use
    uint64_t reload_failures = 0;
  };

  // Loads the files. Ports that share them share the name, by which logs and metrics call them. One
  // that has expired is no reason to refuse, but is said: all that peers would see is a failed
  // handshake. `renewed` runs when the port has got new ones.
  using Renewed = std::function<void(const std::shared_ptr<const net::TlsContext>&)>;
  absl::StatusOr<std::shared_ptr<const TlsSlot>> Add(const std::string& name,
                                                     const net::TlsOptions& options,
                                                     Renewed renewed);
  // Loads again what has changed or could not be loaded; everything when `asked` to.
  void Refresh(bool asked = false);

  // Makes new keys for session tickets twice a day, where they are not in a file.
  void RotateTicketKeys(base::Time now);

  const std::map<std::string, Picture>& pictures() const { return pictures_; }

 private:
  struct Served {
    std::string name;
    net::TlsSource source;
    std::shared_ptr<TlsSlot> slot;
    Renewed renewed;
  };

  void Inspect(const Served& served);

  std::vector<Served> served_;
  std::map<std::string, Picture> pictures_;  // by name
  std::optional<base::Time> ticket_keys_since_;
};

}  // namespace hawser::hub
