// Who we are to the API server.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/kube/text_source.h"

namespace hawser::kube {

struct Credential {
  std::string token;  // for "Authorization: Bearer"; may be empty
  std::string certificate_pem;
  std::string key_pem;

  bool operator==(const Credential&) const = default;
};

// Threads: any.
class Credentials {
 public:
  virtual ~Credentials() = default;
  // What to present now. May read files or run a program, within bounds.
  virtual absl::StatusOr<Credential> Get() = 0;
  // The API server did not accept it: if it is the one that is kept, it must be obtained again.
  virtual void OnRefused(const Credential& /*refused*/) {}
};

// Credentials from text or files; sources may be null.
class StaticCredentials final : public Credentials {
 public:
  struct Sources {
    std::unique_ptr<TextSource> token;
    std::unique_ptr<TextSource> certificate;
    std::unique_ptr<TextSource> key;
  };

  explicit StaticCredentials(Sources sources) : sources_(std::move(sources)) {}
  absl::StatusOr<Credential> Get() override;

 private:
  const Sources sources_;
};

}  // namespace hawser::kube
