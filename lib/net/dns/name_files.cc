#include "lib/net/dns/name_files.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace hawser::net::dns {
namespace {

// Bytes; of longer files the rest is left out.
constexpr size_t kMaxConf = 64 * 1024, kMaxHosts = 4 * 1024 * 1024;

std::string ReadStart(const std::string& path, size_t max) {
  std::ifstream file(path, std::ios::binary);
  std::string text(max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(max));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

// "example.org" of "machine.example.org".
std::string OwnDomain() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  const std::string host = name;
  const size_t dot = host.find('.');
  return dot == std::string::npos ? std::string() : host.substr(dot + 1);
}

// What glibc takes from the environment goes before what is in the file.
std::string FromEnvironment() {
  std::string lines;
  if (const char* domains = std::getenv("LOCALDOMAIN")) lines += "\nsearch " + std::string(domains);
  if (const char* options = std::getenv("RES_OPTIONS"))
    lines += "\noptions " + std::string(options);
  return lines;
}

}  // namespace

bool NameFiles::Refresh(base::Time now, base::Duration interval) {
  if (looked_ && now - *looked_ < interval) return false;
  const bool first = conf_ == nullptr;
  looked_ = now;
  bool read = false;
  if (const auto stamp = base::ReadFileStamp(paths_.resolv_conf); first || stamp != conf_stamp_) {
    conf_stamp_ = stamp;
    const std::string text = ReadStart(paths_.resolv_conf, kMaxConf) + FromEnvironment();
    conf_ = std::make_shared<ResolvConf>(ParseResolvConf(text, OwnDomain()));
    read = true;
  }
  if (const auto stamp = base::ReadFileStamp(paths_.hosts); first || stamp != hosts_stamp_) {
    hosts_stamp_ = stamp;
    hosts_ = HostsFile(ReadStart(paths_.hosts, kMaxHosts));
    read = true;
  }
  return read;
}

}  // namespace hawser::net::dns
