#include "hub/deny_list.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"

namespace hawser::hub {
namespace {

constexpr size_t kFingerprintDigits = 64;
constexpr size_t kMaxSerialDigits = 40;  // RFC 5280, section 4.1.2.2

// Hexadecimal as tools write it, brought into one form. Empty when it is none.
std::string HexDigits(const std::string& text) {
  std::string digits = absl::AsciiStrToLower(text);
  if (digits.starts_with("0x")) digits.erase(0, 2);
  digits.erase(std::remove(digits.begin(), digits.end(), ':'), digits.end());
  return digits.find_first_not_of("0123456789abcdef") == std::string::npos ? digits : "";
}

std::string SerialDigits(const std::string& text) {
  const std::string digits = HexDigits(text);
  if (digits.empty()) return "";
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
}

std::string FingerprintDigits(std::string text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (absl::AsciiStrToLower(text.substr(0, kPrefix.size())) == kPrefix)
    text.erase(0, kPrefix.size());
  return HexDigits(text);
}

}  // namespace

DenyList::Subject DenyList::SubjectOf(const X509* certificate) {
  Subject subject{.serial = SerialDigits(pki::SerialText(certificate)),
                  .fingerprint = FingerprintDigits(pki::FingerprintText(certificate)),
                  .cluster = "",
                  .client = ""};
  const auto identity = pki::IdentityOf(certificate);
  if (!identity.ok() || !identity->has_value()) return subject;
  if (const auto* cluster = std::get_if<pki::ClusterIdentity>(&**identity))
    subject.cluster = cluster->cluster;
  if (const auto* client = std::get_if<pki::ClientIdentity>(&**identity))
    subject.client = client->name;
  return subject;
}

absl::Status DenyList::Add(const std::string& key, const std::string& value) {
  std::string canonical = value;
  if (key == "serial") {
    canonical = SerialDigits(value);
    if (canonical.empty() || canonical.size() > kMaxSerialDigits)
      return absl::InvalidArgumentError("not a hexadecimal serial number: " + base::Quote(value));
  } else if (key == "fingerprint") {
    canonical = FingerprintDigits(value);
    if (canonical.size() != kFingerprintDigits)
      return absl::InvalidArgumentError("not a SHA-256 in hexadecimal: " + base::Quote(value));
  } else if (key == "cluster") {
    if (!pki::IsClusterName(value))
      return absl::InvalidArgumentError("not a cluster name: " + base::Quote(value));
  } else if (key == "client") {
    if (!pki::ParseIdentity(pki::IdentityUri(pki::ClientIdentity{"any", value})).ok())
      return absl::InvalidArgumentError("not a client's name: " + base::Quote(value));
  } else {
    return absl::InvalidArgumentError("unknown key " + base::Quote(key));
  }
  denied_[key].insert(std::move(canonical));
  return absl::OkStatus();
}

std::string DenyList::WhyDenied(const Subject& subject) const {
  const std::pair<const char*, const std::string*> parts[] = {{"serial", &subject.serial},
                                                              {"fingerprint", &subject.fingerprint},
                                                              {"cluster", &subject.cluster},
                                                              {"client", &subject.client}};
  for (const auto& [key, value] : parts) {
    const auto values = denied_.find(key);
    if (!value->empty() && values != denied_.end() && values->second.contains(*value))
      return absl::StrCat(key, " ", *value);
  }
  return "";
}

}  // namespace hawser::hub
