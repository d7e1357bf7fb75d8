// An API server for tests, on loopback: it keeps objects of any kind in memory as the real one does
// as far as clients can tell (resource versions, generations, conflicts, finalizers, pages, watches
// with history, sub-resources for status and approval, server-side apply of whole values,
// TokenReviews), without schemas. What a test scripts comes first.
//
//   FakeApiServer server;
//   Client client(server.config());
//   server.Script({.target = "/configmaps", .status = 429, .headers = {{"Retry-After", "1"}}});
//
// kube_conformance_test holds it to what the real one does. Declare it before its clients.
// Threads: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/kube/config.h"
#include "lib/kube/object.h"
#include "lib/kube/token_review.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace hawser::kube {

class FakeApiServer {
 public:
  struct Tls {
    std::string certificate_pem;
    std::string key_pem;
    std::string client_authority_pem;  // clients need a certificate of it, unless empty
    std::string groups = "X25519";     // of the key exchange
  };
  // One answer instead of the store's.
  struct Answer {
    std::string method;  // any when empty
    std::string target;  // a part of path and query; any when empty
    int times = 1;
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool held = false;  // no answer before ClearScript(); then the store's
  };
  struct Seen {
    std::string method;
    std::string target;
    std::string body;
    std::string content_type;
    std::string authorization;
  };

  FakeApiServer() : FakeApiServer(std::nullopt) {}
  // On a free port unless one is given.
  explicit FakeApiServer(std::optional<Tls> tls, uint16_t port = 0);
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;
  ~FakeApiServer();

  uint16_t port() const { return port_; }
  // For a client without credentials; over TLS it lacks the authorities.
  Config config() const;
  // The same as a kubeconfig file, without TLS.
  std::string Kubeconfig() const;

  void Script(Answer answer);
  // Back to the store.
  void ClearScript();
  std::vector<Seen> seen() const;
  // How many requests had this method and this in their target.
  int Count(const std::string& method, const std::string& target) const;

  // Forgets all history: watches and continue tokens from before are Gone.
  void Compact();
  // Every watch gets one.
  void SendBookmarks();
  // Ends every watch, in the middle of a line if `torn`.
  void EndWatches(bool torn = false);
  // How many watches are open.
  int watches() const;
  // Waits until so many are. Ends the process when that takes more than a minute.
  void AwaitWatches(int count);
  // Waits until an object, null while there is none, is as a test wants it; the object as it is
  // then. Ends the process when that takes more than a minute. `wanted` must not call the server.
  Object Await(const Resource& resource, const ObjectName& name,
               const std::function<bool(const Object*)>& wanted);
  // The same for the number of requests that Count() counts.
  void AwaitRequests(const std::string& method, const std::string& target, int count);

  void AddToken(const std::string& token, const TokenIdentity& identity);

 private:
  struct Path {
    std::string collection;  // "group/version/plural"
    std::string ns;
    std::string name;
    std::string subresource;
  };
  struct Stored {
    Object object;
    std::map<std::string, std::string> managers;  // of fields, by JSON pointer
  };
  struct Event {
    uint64_t revision;
    std::string collection;
    std::string type;
    Object object;
  };
  struct Watcher;
  using Collection = std::map<std::pair<std::string, std::string>, Stored>;

  int CountSeen(const std::string& method, const std::string& target) const;
  static Path ParsePath(const std::string& path);
  bool AnswerFromScript(const Seen& seen, httplib::Response& response);
  void Handle(const httplib::Request& request, httplib::Response& response);
  void HandleObject(const httplib::Request& request, const Path& path, httplib::Response& response);
  void List(const httplib::Request& request, const Path& path, httplib::Response& response);
  void StartWatch(const httplib::Request& request, const Path& path, httplib::Response& response);
  bool FeedWatch(Watcher& watcher, const std::function<bool(const std::string&)>& write,
                 const std::function<void()>& done);
  void Create(const Path& path, Object object, httplib::Response& response);
  void Put(const Path& path, const Object& object, httplib::Response& response);
  void Patch(const httplib::Request& request, const Path& path, httplib::Response& response);
  bool Claim(Stored& stored, const Object& applied, const std::string& manager, bool force);
  void Save(const Path& path, Stored& stored, Object next, httplib::Response& response, int status);
  void Delete(const Path& path, const Object& options, httplib::Response& response);
  Object ReviewToken(const Object& review);
  void Append(const std::string& collection, const std::string& type, const Object& object);
  Object* FindObject(const Path& path);

  std::unique_ptr<httplib::Server> server_;
  const bool tls_;
  uint16_t port_ = 0;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<Answer> script_;
  std::vector<Seen> seen_;
  std::map<std::string, Collection> store_;
  std::deque<Event> history_;
  std::map<std::string, TokenIdentity> tokens_;
  uint64_t revision_ = 1;
  uint64_t compacted_ = 0;
  uint64_t bookmarks_ = 0;      // how often they were sent
  uint64_t watches_ended_ = 0;  // how often all were
  uint64_t clears_ = 0;         // how often the script was cleared
  bool torn_ = false;
  int watches_ = 0;
  bool stopping_ = false;
};

}  // namespace hawser::kube
