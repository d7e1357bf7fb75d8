// Names that need no name server: hosts(5).
#pragma once

#include <asio/ip/address.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace hawser::net::dns {

class HostsFile {
 public:
  HostsFile() = default;
  // Lines that are not understood are passed over.
  explicit HostsFile(const std::string& text);

  // Addresses of `host` (lower case, without a final dot) in the order of the file, of which there
  // may be none. "localhost" and names below it that it does not have are this machine (RFC 6761).
  std::vector<asio::ip::address> Find(const std::string& host) const;

 private:
  std::unordered_map<std::string, std::vector<asio::ip::address>> addresses_;
};

}  // namespace hawser::net::dns
