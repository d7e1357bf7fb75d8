#include "lib/net/cidr.h"

#include "absl/strings/numbers.h"

namespace hawser::net {
namespace {

// Whether the first `length` bits are the same.
template <typename Bytes>
bool SamePrefix(const Bytes& a, const Bytes& b, unsigned length) {
  for (unsigned bit = 0; bit < length; bit += 8) {
    const unsigned mask = length - bit >= 8 ? 0xff : 0xff00 >> (length - bit);
    if (((a[bit / 8] ^ b[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

unsigned Bits(const asio::ip::address& address) { return address.is_v4() ? 32 : 128; }

}  // namespace

asio::ip::address Canonical(const asio::ip::address& address) {
  if (!address.is_v6()) return address;
  asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  v6.scope_id(0);
  return v6;
}

absl::StatusOr<Cidr> Cidr::Parse(const std::string& text) {
  const auto wrong = [&](const std::string& why) {
    return absl::InvalidArgumentError("range \"" + text + "\": " + why);
  };
  const size_t slash = text.find('/');
  asio::error_code error;
  const auto first = asio::ip::make_address(text.substr(0, slash), error);
  if (error || text.find('%') != std::string::npos) return wrong("not a CIDR");
  if (first.is_v6() && first.to_v6().is_v4_mapped()) return wrong("write it as IPv4");
  uint32_t length = Bits(first);
  if (slash != std::string::npos &&
      (!absl::SimpleAtoi(text.substr(slash + 1), &length) || length > Bits(first)))
    return wrong("not a CIDR");
  return Cidr(first, length);
}

bool Cidr::Contains(const asio::ip::address& address) const {
  const asio::ip::address canonical = Canonical(address);
  return Cidr(canonical, Bits(canonical)).Within(*this);
}

bool Cidr::Within(const Cidr& other) const {
  if (first_.is_v4() != other.first_.is_v4() || length_ < other.length_) return false;
  if (first_.is_v4())
    return SamePrefix(first_.to_v4().to_bytes(), other.first_.to_v4().to_bytes(), other.length_);
  return SamePrefix(first_.to_v6().to_bytes(), other.first_.to_v6().to_bytes(), other.length_);
}

}  // namespace hawser::net
