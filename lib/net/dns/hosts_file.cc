#include "lib/net/dns/hosts_file.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/net/dns/host.h"

namespace hawser::net::dns {

HostsFile::HostsFile(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line.substr(0, line.find('#')), absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.size() < 2) continue;
    asio::error_code error;
    const auto address = asio::ip::make_address(words.front(), error);
    if (error) continue;
    for (size_t i = 1; i < words.size(); ++i) {
      std::string name = absl::AsciiStrToLower(words[i]);
      if (name.ends_with('.')) name.pop_back();
      if (!IsHostName(name)) continue;
      auto& addresses = addresses_[name];
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
        addresses.push_back(address);
    }
  }
}

std::vector<asio::ip::address> HostsFile::Find(const std::string& host) const {
  if (const auto at = addresses_.find(host); at != addresses_.end()) return at->second;
  if (host == "localhost" || host.ends_with(".localhost"))
    return {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  return {};
}

}  // namespace hawser::net::dns
