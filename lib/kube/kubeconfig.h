// What one context of a kubeconfig says, as it is written: nothing is read but the text.
//
// What cannot be honoured is an error, not ignored: proxy-url, insecure-skip-tls-verify, basic
// authentication, auth-provider, impersonation. Keys that nobody has defined are ignored.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/kube/config.h"
#include "lib/kube/exec_credential.h"

namespace hawser::kube {

// At most one of them counts: the text, where both are given.
struct TextOrFile {
  std::string text;
  std::string file;
};

struct Kubeconfig {
  ServerUrl server;
  std::string server_name;
  TextOrFile authorities;
  std::string ns;  // empty when not said
  // Either `exec` or any of the others.
  TextOrFile token;
  TextOrFile client_certificate;
  TextOrFile client_key;
  std::optional<ExecSpec> exec;
};

// The context named `context`, or the current one when it is empty. Errors are kInvalidArgument
// "read <name>: line 3: user "admin": client-key-data: not base64".
absl::StatusOr<Kubeconfig> ParseKubeconfig(const std::string& text, const std::string& name,
                                           const std::string& context = "");

}  // namespace hawser::kube
