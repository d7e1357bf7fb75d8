// A synchronous Kubernetes client.
//
//   Client client(*LoadConfig(FLAGS_kubeconfig));
//   const Resource config_maps{.version = "v1", .plural = "configmaps"};
//   const auto object = client.Get(config_maps, {"kube-system", "settings"});
//   if (absl::IsNotFound(object.status())) ...
//
// A call ends within its timeout. Meanwhile it is tried again when the server asks for that
// (Retry-After), answers 429, 502, 503 or 504, or has closed a kept connection; a POST, which the
// server may have carried out, only when the server asks for it or answers 429. What comes back at
// last is an error of lib/kube/api_error.h, or kUnavailable and the like when there was no answer.
// What the C library needs to resolve the server's name comes on top of any timeout.
//
// Threads: any; every call waits, so never on an event loop. The process ignores SIGPIPE (as after
// base::InitLogging): TLS writes to sockets that the server has closed.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lib/base/scheduler.h"
#include "lib/kube/config.h"
#include "lib/kube/connection_pool.h"
#include "lib/kube/object.h"
#include "lib/kube/token_bucket.h"

namespace hawser::kube {

// For one call: what differs from the client's options.
struct Call {
  std::optional<base::Duration> timeout;
  std::stop_token stop;  // ends the call with kCancelled
};

// Which objects of a collection.
struct Selection {
  std::string ns;  // empty: all namespaces, or cluster scope
  std::string label_selector;
  std::string field_selector;
};

struct ObjectList {
  std::vector<Object> items;  // each with its apiVersion and kind
  std::string resource_version;
};

// One request as it goes to the server.
struct RawRequest {
  std::string method;
  std::string target;  // path and query, escaped
  std::string body;
  std::string content_type = "application/json";
};

struct ApplyOptions {
  std::string field_manager;
  bool force = true;  // take fields over from other managers
};

struct DeleteOptions {
  std::string propagation;  // "Background", "Foreground", "Orphan"; the server's choice when empty
  // Delete only this one: kAborted when it is another.
  std::string uid;
  std::string resource_version;
};

class Client {
 public:
  struct Options {
    base::Duration timeout = std::chrono::seconds(30);
    // Requests per second, and how many of them at once; no limit when zero.
    double qps = 50;
    double burst = 100;
    // Objects in a page of a list.
    int page = 500;
    // The longest answer, bytes; a page of a list is one answer.
    size_t max_answer = 64 * 1024 * 1024;
  };

  explicit Client(Config config) : Client(std::move(config), Options()) {}
  Client(Config config, Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<Object> Get(const Resource& resource, const ObjectName& name,
                             const Call& call = {});
  // All pages, as of one resource version. kOutOfRange (IsGone) when reading took too long for
  // that.
  absl::StatusOr<ObjectList> List(const Resource& resource, const Selection& selection,
                                  const Call& call = {});
  // Objects carry their apiVersion, kind, name and, where there is one, namespace.
  absl::StatusOr<Object> Create(const Resource& resource, const Object& object,
                                const Call& call = {});
  // Replaces it. With a resource version in it, IsConflict() when it has changed since.
  absl::StatusOr<Object> Update(const Resource& resource, const Object& object,
                                const Call& call = {});
  // Server-side apply: creates it, or owns the fields that are given.
  absl::StatusOr<Object> Apply(const Resource& resource, const Object& object,
                               const ApplyOptions& options, const Call& call = {});
  // JSON merge patch (RFC 7396). With metadata.resourceVersion in it, IsConflict() when it has
  // changed since.
  absl::StatusOr<Object> MergePatch(const Resource& resource, const ObjectName& name,
                                    const Object& patch, const Call& call = {});
  absl::Status Delete(const Resource& resource, const ObjectName& name,
                      const DeleteOptions& options = {}, const Call& call = {});

  // Anything else. The answer is null when it has no body.
  absl::StatusOr<Object> Do(const RawRequest& request, const Call& call = {});
  // A GET whose answer is read as it comes, once: nothing is tried again. The sink's first part is
  // empty: the server begins to answer. OK at the end of the answer; the timeout is the longest
  // that it may last.
  absl::Status Stream(const std::string& target,
                      absl::FunctionRef<absl::Status(const std::string& part)> sink,
                      const Call& call);

  const Config& config() const { return pool_.config(); }

 private:
  struct Answer {
    HttpHead head;
    std::string body;
    bool reused = false;  // for an error: the connection was an old one
  };

  absl::Status WaitForTurn(base::Time deadline, const std::stop_token& stop);
  // After a 401: whether there is another credential to try.
  absl::StatusOr<bool> RenewCredential(const Credential& refused);
  absl::Status Attempt(const RawRequest& request, const Credential& credential, base::Time deadline,
                       const std::stop_token& stop, BodySink sink, Answer& answer);
  absl::StatusOr<Object> Send(const std::string& what, const RawRequest& request, const Call& call);
  absl::StatusOr<Object> SendObject(const char* verb, const char* method, const Resource& resource,
                                    const ObjectName& name, const Object& body,
                                    const std::string& content_type, const std::string& query,
                                    const Call& call);

  const Options options_;
  ConnectionPool pool_;
  std::mutex mutex_;
  TokenBucket bucket_;  // guarded by mutex_
};

// The query of a list or a watch: "?labelSelector=...&" and so on; "?" when all is selected.
std::string SelectionQuery(const Selection& selection);

}  // namespace hawser::kube
