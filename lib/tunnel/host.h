// A host and a domain, canonical by construction: parsed once where they come in, compared as they
// are from then on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hawser::tunnel {

// A host name or an address, in the form of CanonicalHost().
class Host {
 public:
  // Nothing when `text` is neither.
  static std::optional<Host> Parse(const std::string& text);

  const std::string& text() const { return text_; }
  bool is_address() const { return is_address_; }

  bool operator==(const Host&) const = default;

 private:
  Host(std::string text, bool is_address) : text_(std::move(text)), is_address_(is_address) {}

  std::string text_;
  bool is_address_;
};

// What names may end in. An empty domain has no names under it.
class Domain {
 public:
  Domain() = default;
  // `text` is empty or a name, with or without dots before it. Nothing when it is neither.
  static std::optional<Domain> Parse(const std::string& text);

  bool empty() const { return text_.empty(); }
  // Canonical, without a dot before it.
  const std::string& text() const { return text_; }
  // What stands before ".<domain>" in a canonical name; nothing when the name is not under it.
  std::optional<std::string_view> Before(std::string_view name) const;

  bool operator==(const Domain&) const = default;

 private:
  explicit Domain(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

// The label behind the last dot of a name; the whole name when it has no dot.
std::string_view LastLabel(std::string_view name);

}  // namespace hawser::tunnel
