#include "lib/kube/fake_api_server.h"

#include <glog/logging.h>
#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>

#include "absl/strings/str_split.h"
#include "lib/base/scheduler.h"
#include "lib/kube/fake_writes.h"
#include "lib/kube/timestamp.h"
#include "lib/pki/certificate.h"
#include "lib/pki/private_key.h"

namespace hawser::kube {
namespace {

constexpr char kJson[] = "application/json";
constexpr std::chrono::minutes kPatience{1};  // of a test
constexpr int kThreads = 64;                  // one per connection, watches and idle ones included

std::unique_ptr<httplib::Server> MakeServer(const std::optional<FakeApiServer::Tls>& tls) {
  if (!tls.has_value()) return std::make_unique<httplib::Server>();
  const auto certificate = pki::Certificate::FromPem(tls->certificate_pem);
  const auto key = pki::PrivateKey::FromPem(tls->key_pem);
  CHECK(certificate.ok() && key.ok());
  X509_STORE* store = nullptr;  // becomes the server's
  if (!tls->client_authority_pem.empty()) {
    const auto authority = pki::Certificate::FromPem(tls->client_authority_pem);
    CHECK(authority.ok());
    store = X509_STORE_new();
    X509_STORE_add_cert(store, authority->get());
  }
  auto server = std::make_unique<httplib::SSLServer>(certificate->get(), key->get(), store);
  CHECK_EQ(SSL_CTX_set1_groups_list(server->ssl_context(), tls->groups.c_str()), 1);
  return server;
}

void Send(httplib::Response& response, int status, const Object& body) {
  response.status = status;
  response.set_content(body.dump(), kJson);
}

void Refuse(httplib::Response& response, int status, const std::string& reason,
            const std::string& message) {
  Send(response, status,
       {{"apiVersion", "v1"},
        {"kind", "Status"},
        {"status", "Failure"},
        {"code", status},
        {"reason", reason},
        {"message", message}});
}

bool IsSelected(const Object& object, const std::string& selector) {
  if (selector.empty()) return true;
  for (const std::string& term : std::vector<std::string>(absl::StrSplit(selector, ','))) {
    const size_t equals = term.find('=');
    const std::string key = term.substr(0, equals);
    const Object* labels = Find(object, {"metadata", "labels"});
    if (labels == nullptr || !labels->contains(key)) return false;
    if (equals != std::string::npos && (*labels)[key] != term.substr(equals + 1)) return false;
  }
  return true;
}

bool IsField(const Object& object, const std::string& selector) {
  constexpr char kName[] = "metadata.name=";
  return selector.empty() || selector == kName + NameOf(object).name;
}

bool IsName(const std::string& name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && is_alphanumeric(name.front()) && is_alphanumeric(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
}

std::string KindOf(const Object& object) { return StringAt(object, {"kind"}); }

}  // namespace

struct FakeApiServer::Watcher {
  std::string collection;
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  uint64_t revision;  // seen
  uint64_t bookmarks;
  uint64_t ended;
  base::Time until;
};

FakeApiServer::FakeApiServer(std::optional<Tls> tls, uint16_t port)
    : server_(MakeServer(tls)), tls_(tls.has_value()) {
  CHECK(server_->is_valid());
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_->set_tcp_nodelay(true);
  server_->set_keep_alive_max_count(1'000'000);
  server_->set_keep_alive_timeout(1);
  const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
    Handle(request, response);
  };
  server_->Get(".*", handle);
  server_->Post(".*", handle);
  server_->Put(".*", handle);
  server_->Patch(".*", handle);
  server_->Delete(".*", handle);
  int listener = -1;
  server_->set_socket_options([&listener](int socket) {
    httplib::default_socket_options(socket);
    listener = socket;
  });
  if (port == 0) {
    const int any = server_->bind_to_any_port("127.0.0.1");
    CHECK_GT(any, 0);
    port_ = static_cast<uint16_t>(any);
  } else {
    CHECK(server_->bind_to_port("127.0.0.1", port));
    port_ = port;
  }
  // The library's own queue is of 5: clients that begin with a dozen connections at once would find
  // some of them broken.
  CHECK_EQ(::listen(listener, kThreads), 0);
  thread_ = std::thread([this] { server_->listen_after_bind(); });
}

FakeApiServer::~FakeApiServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  while (!server_->is_running()) std::this_thread::yield();
  server_->stop();
  thread_.join();
}

Config FakeApiServer::config() const {
  Config config;
  config.server = {.tls = tls_, .host = "127.0.0.1", .port = port_, .prefix = ""};
  config.credentials = std::make_shared<StaticCredentials>(StaticCredentials::Sources());
  return config;
}

std::string FakeApiServer::Kubeconfig() const {
  const std::string url = "http://127.0.0.1:" + std::to_string(port_);
  const Object cluster = {{"name", "fake"}, {"cluster", {{"server", url}}}};
  const Object context = {{"name", "fake"}, {"context", {{"cluster", "fake"}}}};
  return Object{{"current-context", "fake"},
                {"clusters", Object::array({cluster})},
                {"contexts", Object::array({context})}}
      .dump();
}

void FakeApiServer::Script(Answer answer) {
  const std::lock_guard lock(mutex_);
  script_.push_back(std::move(answer));
}

void FakeApiServer::ClearScript() {
  const std::lock_guard lock(mutex_);
  script_.clear();
  ++clears_;
  changed_.notify_all();
}

std::vector<FakeApiServer::Seen> FakeApiServer::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

int FakeApiServer::Count(const std::string& method, const std::string& target) const {
  const std::lock_guard lock(mutex_);
  return CountSeen(method, target);
}

int FakeApiServer::CountSeen(const std::string& method, const std::string& target) const {
  return static_cast<int>(std::count_if(seen_.begin(), seen_.end(), [&](const Seen& seen) {
    return seen.method == method && seen.target.find(target) != std::string::npos;
  }));
}

void FakeApiServer::Compact() {
  const std::lock_guard lock(mutex_);
  history_.clear();
  compacted_ = ++revision_;
}

void FakeApiServer::SendBookmarks() {
  const std::lock_guard lock(mutex_);
  ++bookmarks_;
  changed_.notify_all();
}

void FakeApiServer::EndWatches(bool torn) {
  const std::lock_guard lock(mutex_);
  ++watches_ended_;
  torn_ = torn;
  changed_.notify_all();
}

int FakeApiServer::watches() const {
  const std::lock_guard lock(mutex_);
  return watches_;
}

void FakeApiServer::AwaitWatches(int count) {
  std::unique_lock lock(mutex_);
  CHECK(changed_.wait_for(lock, std::chrono::minutes(1), [&] { return watches_ == count; }))
      << watches_ << " watches are open instead of " << count;
}

Object FakeApiServer::Await(const Resource& resource, const ObjectName& name,
                            const std::function<bool(const Object*)>& wanted) {
  const Path path{.collection = resource.group + "/" + resource.version + "/" + resource.plural,
                  .ns = name.ns,
                  .name = name.name,
                  .subresource = ""};
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, kPatience, [&] { return wanted(FindObject(path)); });
  const Object* object = FindObject(path);
  CHECK(came) << resource.Text() << " " << name.Key() << " is not as the test wants it: "
              << (object == nullptr ? "there is none" : object->dump(1));
  return object == nullptr ? Object() : *object;
}

void FakeApiServer::AwaitRequests(const std::string& method, const std::string& target, int count) {
  std::unique_lock lock(mutex_);
  CHECK(changed_.wait_for(lock, kPatience, [&] { return CountSeen(method, target) >= count; }))
      << "fewer than " << count << " requests " << method << " " << target;
}

void FakeApiServer::AddToken(const std::string& token, const TokenIdentity& identity) {
  const std::lock_guard lock(mutex_);
  tokens_[token] = identity;
}

FakeApiServer::Path FakeApiServer::ParsePath(const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  // "", "api", version, ... or "", "apis", group, version, ...
  const size_t begin = parts.size() > 1 && parts[1] == "api" ? 3 : 4;
  if (parts.size() <= begin) return {};
  Path result;
  const std::string group = begin == 3 ? "" : parts[2];
  parts.erase(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(begin) - 1);
  const std::string version = parts[0];
  size_t at = 1;
  if (parts[1] == "namespaces" && parts.size() > 3) {
    result.ns = parts[2];
    at = 3;
  }
  result.collection = group + "/" + version + "/" + parts[at];
  if (parts.size() > at + 1) result.name = parts[at + 1];
  if (parts.size() > at + 2) result.subresource = parts[at + 2];
  return result;
}

bool FakeApiServer::AnswerFromScript(const Seen& seen, httplib::Response& response) {
  std::unique_lock lock(mutex_);
  seen_.push_back(seen);
  const auto found = std::find_if(script_.begin(), script_.end(), [&](const Answer& answer) {
    return (answer.method.empty() || answer.method == seen.method) &&
           seen.target.find(answer.target) != std::string::npos;
  });
  changed_.notify_all();
  if (found == script_.end()) return false;
  if (found->held) {
    if (--found->times == 0) script_.erase(found);
    const uint64_t clears = clears_;
    changed_.wait(lock, [&] { return stopping_ || clears_ != clears; });
    return false;
  }
  response.status = found->status;
  for (const auto& [name, value] : found->headers) response.set_header(name, value);
  response.set_content(found->body, kJson);
  if (--found->times == 0) script_.erase(found);
  return true;
}

void FakeApiServer::Handle(const httplib::Request& request, httplib::Response& response) {
  const Seen seen{request.method, request.target, request.body,
                  request.get_header_value("Content-Type"),
                  request.get_header_value("Authorization")};
  if (AnswerFromScript(seen, response)) return;
  const Path path = ParsePath(request.path);
  if (path.collection.empty()) return Refuse(response, 404, "NotFound", "no such path");
  if (request.get_param_value("watch") == "true") return StartWatch(request, path, response);
  const std::lock_guard lock(mutex_);
  HandleObject(request, path, response);
  changed_.notify_all();
}

void FakeApiServer::HandleObject(const httplib::Request& request, const Path& path,
                                 httplib::Response& response) {
  if (request.method == "GET" && path.name.empty()) return List(request, path, response);
  const Object body = Object::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (request.method == "POST") {
    if (body.is_discarded()) return Refuse(response, 400, "BadRequest", "the body is not JSON");
    return Create(path, body, response);
  }
  if (request.method == "PATCH") return Patch(request, path, response);
  Object* object = FindObject(path);
  if (object == nullptr)
    return Refuse(response, 404, "NotFound", path.collection + " \"" + path.name + "\" not found");
  if (request.method == "GET") return Send(response, 200, *object);
  if (request.method == "PUT") return Put(path, body, response);
  Delete(path, body, response);
}

Object* FakeApiServer::FindObject(const Path& path) {
  Collection& collection = store_[path.collection];
  const auto found = collection.find({path.ns, path.name});
  return found == collection.end() ? nullptr : &found->second.object;
}

void FakeApiServer::List(const httplib::Request& request, const Path& path,
                         httplib::Response& response) {
  const std::string token = request.get_param_value("continue");  // "<revision>.<first key>"
  uint64_t revision = revision_;
  std::string first;
  if (!token.empty()) {
    revision = std::stoull(token);
    first = token.substr(token.find('.') + 1);
    if (revision < compacted_)
      return Refuse(response, 410, "Expired", "the provided continue parameter is too old");
  }
  const std::string limit_text = request.get_param_value("limit");
  const size_t limit = limit_text.empty() ? SIZE_MAX : std::stoull(limit_text);
  Object items = Object::array();
  Object metadata = {{"resourceVersion", std::to_string(revision)}};
  std::string kind = "List";
  for (const auto& [key, stored] : store_[path.collection]) {
    const std::string name = key.first + "/" + key.second;
    if ((!path.ns.empty() && key.first != path.ns) || name < first) continue;
    if (!IsSelected(stored.object, request.get_param_value("labelSelector"))) continue;
    if (!IsField(stored.object, request.get_param_value("fieldSelector"))) continue;
    if (items.size() == limit) {
      metadata["continue"] = std::to_string(revision) + "." + name;
      break;
    }
    Object item = stored.object;
    kind = KindOf(item) + "List";
    item.erase("kind");
    item.erase("apiVersion");
    items.push_back(std::move(item));
  }
  const bool core = path.collection.front() == '/';
  const size_t slash = path.collection.rfind('/');
  Send(response, 200,
       {{"apiVersion", path.collection.substr(core, slash - core)},
        {"kind", kind},
        {"metadata", metadata},
        {"items", items}});
}

void FakeApiServer::StartWatch(const httplib::Request& request, const Path& path,
                               httplib::Response& response) {
  const std::lock_guard lock(mutex_);
  const std::string seconds = request.get_param_value("timeoutSeconds");
  auto watcher = std::make_shared<Watcher>(Watcher{
      .collection = path.collection,
      .ns = path.ns,
      .label_selector = request.get_param_value("labelSelector"),
      .field_selector = request.get_param_value("fieldSelector"),
      .revision = std::stoull("0" + request.get_param_value("resourceVersion")),
      .bookmarks = bookmarks_,
      .ended = watches_ended_,
      .until =
          base::Clock::now() + std::chrono::seconds(seconds.empty() ? 3600 : std::stoul(seconds))});
  if (watcher->revision < compacted_)
    return Refuse(response, 410, "Expired", "too old resource version");
  ++watches_;
  changed_.notify_all();
  response.set_chunked_content_provider(
      kJson,
      [this, watcher](size_t, httplib::DataSink& sink) {
        return FeedWatch(
            *watcher,
            [&](const std::string& bytes) { return sink.write(bytes.data(), bytes.size()); },
            [&] { sink.done(); });
      },
      [this](bool) {
        const std::lock_guard lock(mutex_);
        --watches_;
        changed_.notify_all();
      });
}

bool FakeApiServer::FeedWatch(Watcher& watcher,
                              const std::function<bool(const std::string&)>& write,
                              const std::function<void()>& done) {
  std::string lines;
  bool end = false;
  bool torn = false;
  {
    std::unique_lock lock(mutex_);
    const auto add = [&](const std::string& type, const Object& object) {
      lines += Object({{"type", type}, {"object", object}}).dump() + "\n";
    };
    const auto look = [&] {
      for (const Event& event : history_) {
        if (event.revision <= watcher.revision) continue;
        watcher.revision = event.revision;
        if (event.collection != watcher.collection) continue;
        if (!watcher.ns.empty() && NameOf(event.object).ns != watcher.ns) continue;
        if (!IsSelected(event.object, watcher.label_selector)) continue;
        if (!IsField(event.object, watcher.field_selector)) continue;
        add(event.type, event.object);
      }
      if (watcher.bookmarks != bookmarks_) {
        watcher.bookmarks = bookmarks_;
        watcher.revision = revision_;
        add("BOOKMARK", {{"metadata", {{"resourceVersion", std::to_string(revision_)}}}});
      }
      end = watcher.ended != watches_ended_ || stopping_;
      return end || !lines.empty();
    };
    // Not long, so that a watch whose client is gone is found out.
    const base::Time soon = base::Clock::now() + std::chrono::milliseconds(200);
    changed_.wait_until(lock, std::min(watcher.until, soon), look);
    if (base::Clock::now() >= watcher.until) end = true;
    torn = end && torn_ && !stopping_;
  }
  if (torn) {
    write(R"({"type":"ADDED","obj)");
    return false;
  }
  if (!lines.empty() && !write(lines)) return false;
  if (end) done();
  return true;
}

void FakeApiServer::Append(const std::string& collection, const std::string& type,
                           const Object& object) {
  history_.push_back({revision_, collection, type, object});
}

void FakeApiServer::Create(const Path& path, Object object, httplib::Response& response) {
  if (path.collection == "authentication.k8s.io/v1/tokenreviews")
    return Send(response, 201, ReviewToken(object));
  if (path.subresource == "token") {
    const std::string token = "token-of-" + path.ns + "-" + path.name;
    const std::string user = "system:serviceaccount:" + path.ns + ":" + path.name;
    TokenIdentity identity{.authenticated = true, .username = user};
    identity.groups = {"system:serviceaccounts"};
    if (const Object* audiences = Find(object, {"spec", "audiences"}); audiences != nullptr)
      identity.audiences = audiences->get<std::vector<std::string>>();
    tokens_[token] = identity;
    object["status"]["token"] = token;
    return Send(response, 201, object);
  }
  const ObjectName name = NameOf(object);
  if (!IsName(name.name)) return Refuse(response, 422, "Invalid", "metadata.name: Invalid value");
  Stored& stored = store_[path.collection][{path.ns, name.name}];
  if (!stored.object.is_null())
    return Refuse(response, 409, "AlreadyExists", "\"" + name.name + "\" already exists");
  Save(path, stored, std::move(object), response, 201);
}

void FakeApiServer::Save(const Path& path, Stored& stored, Object next, httplib::Response& response,
                         int status) {
  const bool is_new = stored.object.is_null();
  if (is_new) {
    next.erase("status");
    next["metadata"].erase("deletionTimestamp");
    next["metadata"]["uid"] = "uid-" + std::to_string(revision_);
    next["metadata"]["creationTimestamp"] = FormatTime(std::chrono::system_clock::now());
    if (path.collection.front() != '/') next["metadata"]["generation"] = 1;
  } else {
    next = ObjectAfterWrite(path.subresource, stored.object, next);
    if (next == stored.object) return Send(response, status, next);
  }
  next["metadata"]["resourceVersion"] = std::to_string(++revision_);
  stored.object = std::move(next);
  const bool gone = IsBeingDeleted(stored.object) && !HasFinalizers(stored.object);
  Append(path.collection, gone ? "DELETED" : is_new ? "ADDED" : "MODIFIED", stored.object);
  Send(response, status, stored.object);
  if (gone) store_[path.collection].erase({path.ns, NameOf(stored.object).name});
}

void FakeApiServer::Put(const Path& path, const Object& object, httplib::Response& response) {
  Stored& stored = store_[path.collection][{path.ns, path.name}];
  const std::string version = ResourceVersionOf(object);
  if (!version.empty() && version != ResourceVersionOf(stored.object))
    return Refuse(response, 409, "Conflict", "the object has been modified");
  Save(path, stored, object, response, 200);
}

void FakeApiServer::Patch(const httplib::Request& request, const Path& path,
                          httplib::Response& response) {
  const Object patch = Object::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!patch.is_object()) return Refuse(response, 400, "BadRequest", "the body is no object");
  const bool apply = request.get_header_value("Content-Type") == "application/apply-patch+yaml";
  Object* object = FindObject(path);
  if (object == nullptr && !apply)
    return Refuse(response, 404, "NotFound", "\"" + path.name + "\" not found");
  const std::string version = ResourceVersionOf(patch);
  if (object != nullptr && !version.empty() && version != ResourceVersionOf(*object))
    return Refuse(response, 409, "Conflict", "the object has been modified");
  Stored& stored = store_[path.collection][{path.ns, path.name}];
  const bool is_new = stored.object.is_null();
  Object next = is_new ? Object::object() : stored.object;
  if (apply) {
    const std::string manager = request.get_param_value("fieldManager");
    const bool force = request.get_param_value("force") == "true";
    const std::map<std::string, std::string> before = stored.managers;
    if (!Claim(stored, patch, manager, force))
      return Refuse(response, 409, "Conflict", "Apply failed with a conflict");
    // What this manager no longer names goes away.
    for (const auto& [pointer, owner] : before)
      if (owner == manager && !stored.managers.contains(pointer)) {
        const Object::json_pointer at(pointer);
        if (next.contains(at)) next[at.parent_pointer()].erase(at.back());
      }
  }
  next.merge_patch(patch);
  Save(path, stored, std::move(next), response, is_new ? 201 : 200);
}

bool FakeApiServer::Claim(Stored& stored, const Object& applied, const std::string& manager,
                          bool force) {
  const std::map<std::string, Object> fields = OwnedFields(applied);
  for (const auto& [pointer, value] : fields) {
    const auto owner = stored.managers.find(pointer);
    if (owner == stored.managers.end() || owner->second == manager || force) continue;
    if (stored.object.value(Object::json_pointer(pointer), Object()) != value) return false;
  }
  std::erase_if(stored.managers, [&](const auto& field) { return field.second == manager; });
  for (const auto& [pointer, value] : fields) stored.managers[pointer] = manager;
  return true;
}

void FakeApiServer::Delete(const Path& path, const Object& options, httplib::Response& response) {
  Collection& collection = store_[path.collection];
  const auto found = collection.find({path.ns, path.name});
  Object object = found->second.object;
  const std::string uid = StringAt(options, {"preconditions", "uid"});
  const std::string version = StringAt(options, {"preconditions", "resourceVersion"});
  if ((!uid.empty() && uid != UidOf(object)) ||
      (!version.empty() && version != ResourceVersionOf(object)))
    return Refuse(response, 409, "Conflict", "the precondition does not hold");
  if (HasFinalizers(object)) {
    if (!IsBeingDeleted(object)) {
      object["metadata"]["deletionTimestamp"] = FormatTime(std::chrono::system_clock::now());
      object["metadata"]["resourceVersion"] = std::to_string(++revision_);
      found->second.object = object;
      Append(path.collection, "MODIFIED", object);
    }
    return Send(response, 200, object);
  }
  collection.erase(found);
  object["metadata"]["resourceVersion"] = std::to_string(++revision_);
  Append(path.collection, "DELETED", object);
  Send(response, 200, {{"apiVersion", "v1"}, {"kind", "Status"}, {"status", "Success"}});
}

Object FakeApiServer::ReviewToken(const Object& review) {
  Object answer = review;
  answer["status"] = {{"authenticated", false}};
  const auto found = tokens_.find(StringAt(review, {"spec", "token"}));
  if (found == tokens_.end() || !found->second.authenticated) return answer;
  std::vector<std::string> audiences;
  if (const Object* wanted = Find(review, {"spec", "audiences"}); wanted != nullptr) {
    for (const Object& audience : *wanted)
      if (std::count(found->second.audiences.begin(), found->second.audiences.end(), audience) > 0)
        audiences.push_back(audience);
    if (audiences.empty()) return answer;
  }
  answer["status"] = {
      {"authenticated", true},
      {"user", {{"username", found->second.username}, {"groups", found->second.groups}}},
      {"audiences", audiences}};
  return answer;
}

}  // namespace hawser::kube
