// The certificates of one installation as files: three authorities that never mix, and what they
// issued.
//
//   <root>/ca/{agents,clients,servers}.{crt,key}
//   <root>/agents/<cluster>/{tls.crt,tls.key,ca.crt}
//   <root>/clients/<name>/{tls.crt,tls.key,ca.crt}
//   <root>/servers/<name>/{tls.crt,tls.key,ca.crt}
//
// Each ca.crt is the servers' CA. Keys have mode 0600, folders 0700.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/pki/authority.h"

namespace hawser::cli {

class PkiDirectory {
 public:
  struct Issue {
    std::string trust_domain;
    std::chrono::seconds validity;
    bool overwrite = false;  // replace a certificate, and its key, that is there already
  };

  explicit PkiDirectory(std::string root) : root_(std::move(root)) {}

  // Makes the authorities; kAlreadyExists, without a change, when any of them is there.
  absl::Status Init(std::chrono::seconds validity);
  // Each makes a key and a certificate and returns the folder they are in. kInvalidArgument for a
  // name that is no identity, kAlreadyExists, kNotFound without Init().
  absl::StatusOr<std::string> IssueAgent(const std::string& cluster, const Issue& issue);
  absl::StatusOr<std::string> IssueClient(const std::string& name, const Issue& issue);
  // `sans`: "dns:hub.example" or "ip:10.0.0.1", at least one.
  absl::StatusOr<std::string> IssueServer(const std::string& name,
                                          const std::vector<std::string>& sans, const Issue& issue);

 private:
  // The path of an authority's file: suffix ".crt" or ".key".
  std::string AuthorityFile(const std::string& authority, const std::string& suffix) const;
  absl::StatusOr<std::string> IssueLeaf(const std::string& authority, const std::string& name,
                                        const pki::LeafSpec& spec, bool overwrite);

  const std::string root_;
};

}  // namespace hawser::cli
