#include "lib/kube/client.h"

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/kube/api_error.h"
#include "lib/kube/backoff.h"

namespace hawser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstDelay(100);
constexpr seconds kLongestDelay(5);
constexpr size_t kMaxError = 64 * 1024;

std::string Dump(const Object& object) {
  // Strings that are not UTF-8 can come from configuration; the server shall say so, not we throw.
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

std::string What(const char* verb, const Resource& resource, const ObjectName& name) {
  const std::string key = name.Key();
  return std::string(verb) + " " + resource.Text() + (key.empty() ? "" : " " + key);
}

// Whether the same request may succeed later, and does no harm if the first one was carried out.
bool MayRepeat(const std::string& method, const HttpHead& head) {
  if (head.status == 429) return true;
  if (head.status >= 500 && head.retry_after.has_value()) return true;
  return (head.status == 502 || head.status == 503 || head.status == 504) && method != "POST";
}

absl::StatusOr<Object> ParseBody(const std::string& body) {
  if (body.empty()) return Object();
  Object object = Object::parse(body, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return absl::InternalError("the answer is not JSON");
  return object;
}

// Objects in lists of built-in kinds do not say what they are.
void NameKind(const Object& list, Object& item) {
  if (!item.is_object()) return;
  const std::string kind = StringAt(list, {"kind"});
  constexpr size_t kSuffix = 4;  // "List"
  if (kind.size() <= kSuffix || kind.compare(kind.size() - kSuffix, kSuffix, "List") != 0) return;
  if (!item.contains("kind")) item["kind"] = kind.substr(0, kind.size() - kSuffix);
  if (!item.contains("apiVersion")) item["apiVersion"] = StringAt(list, {"apiVersion"});
}

}  // namespace

std::string SelectionQuery(const Selection& selection) {
  std::string query = "?";
  if (!selection.label_selector.empty())
    query += "labelSelector=" + UrlEscape(selection.label_selector) + "&";
  if (!selection.field_selector.empty())
    query += "fieldSelector=" + UrlEscape(selection.field_selector) + "&";
  return query;
}

Client::Client(Config config, Options options)
    : options_(options),
      pool_(std::move(config)),
      bucket_(options.qps, std::max(options.burst, 1.0), base::Clock::now()) {}

absl::Status Client::WaitForTurn(base::Time deadline, const std::stop_token& stop) {
  base::Duration delay;
  {
    const std::lock_guard lock(mutex_);
    const base::Time now = base::Clock::now();
    delay = bucket_.Take(now);
    if (delay > base::Duration::zero() && now + delay >= deadline) {
      bucket_.GiveBack();
      return absl::ResourceExhaustedError("too many requests per second: none left in time");
    }
  }
  if (delay == base::Duration::zero()) return absl::OkStatus();
  return Pause(delay, stop) ? absl::OkStatus() : absl::CancelledError("stopped");
}

absl::StatusOr<bool> Client::RenewCredential(const Credential& refused) {
  config().credentials->OnRefused(refused);
  HAWSER_ASSIGN_OR_RETURN(const Credential fresh, config().credentials->Get());
  return fresh != refused;
}

// OK when there was an answer, whatever it says.
absl::Status Client::Attempt(const RawRequest& request, const Credential& credential,
                             base::Time deadline, const std::stop_token& stop, BodySink sink,
                             Answer& answer) {
  HAWSER_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, pool_.Take(credential));
  const HttpRequest http{.method = request.method,
                         .target = request.target,
                         .token = credential.token,
                         .body = request.body,
                         .content_type = request.body.empty() ? "" : request.content_type,
                         .deadline = deadline,
                         .stop = stop};
  const absl::StatusOr<HttpHead> head = connection->Exchange(http, sink);
  answer.reused = connection->reused();
  if (!head.ok()) return head.status();
  answer.head = *head;
  pool_.Return(std::move(connection));
  return absl::OkStatus();
}

absl::StatusOr<Object> Client::Send(const std::string& what, const RawRequest& request,
                                    const Call& call) {
  const base::Time deadline = base::Clock::now() + call.timeout.value_or(options_.timeout);
  Backoff backoff(kFirstDelay, kLongestDelay);
  bool refused = false;
  bool broke = false;
  for (;;) {
    absl::Status failure = WaitForTurn(deadline, call.stop);
    if (!failure.ok()) return InContext(failure, what);
    const absl::StatusOr<Credential> credential = config().credentials->Get();
    if (!credential.ok()) return InContext(credential.status(), what);

    Answer answer;
    failure = Attempt(
        request, *credential, deadline, call.stop,
        [&](const HttpHead&, const std::string& part) {
          if (answer.body.size() + part.size() > options_.max_answer)
            return absl::ResourceExhaustedError("the answer is longer than " +
                                                std::to_string(options_.max_answer) + " bytes");
          answer.body += part;
          return absl::OkStatus();
        },
        answer);
    if (!failure.ok()) {
      const bool again =
          answer.reused && !broke && request.method != "POST" && absl::IsUnavailable(failure);
      if (!again) return InContext(failure, what);
      broke = true;
      continue;
    }
    if (answer.head.status < 400) {
      absl::StatusOr<Object> object = ParseBody(answer.body);
      if (!object.ok()) return InContext(object.status(), what);
      return object;
    }

    failure = InContext(ApiError(answer.head.status, answer.body), what);
    if (answer.head.status == 401 && !refused) {
      refused = true;
      const absl::StatusOr<bool> renewed = RenewCredential(*credential);
      if (!renewed.ok()) return InContext(renewed.status(), what);
      if (!*renewed) return failure;
      continue;
    }
    if (!MayRepeat(request.method, answer.head)) return failure;
    const base::Duration delay =
        std::max(backoff.Next(Random()), answer.head.retry_after.value_or(base::Duration::zero()));
    if (base::Clock::now() + delay >= deadline) return failure;
    if (!Pause(delay, call.stop)) return absl::CancelledError(what + ": stopped");
  }
}

absl::StatusOr<Object> Client::Do(const RawRequest& request, const Call& call) {
  return Send(request.method + " " + request.target, request, call);
}

absl::StatusOr<Object> Client::SendObject(const char* verb, const char* method,
                                          const Resource& resource, const ObjectName& name,
                                          const Object& body, const std::string& content_type,
                                          const std::string& query, const Call& call) {
  const std::string what = What(verb, resource, name);
  const absl::StatusOr<std::string> path = ObjectPath(resource, name);
  if (!path.ok()) return InContext(path.status(), what);
  return Send(what,
              {.method = method,
               .target = *path + query,
               .body = body.is_null() ? "" : Dump(body),
               .content_type = content_type},
              call);
}

absl::StatusOr<Object> Client::Get(const Resource& resource, const ObjectName& name,
                                   const Call& call) {
  return SendObject("get", "GET", resource, name, Object(), "", "", call);
}

absl::StatusOr<ObjectList> Client::List(const Resource& resource, const Selection& selection,
                                        const Call& call) {
  const std::string what = What("list", resource, {selection.ns, ""});
  HAWSER_ASSIGN_OR_RETURN(const std::string path, CollectionPath(resource, selection.ns));
  const std::string target =
      path + SelectionQuery(selection) + "limit=" + std::to_string(options_.page);
  ObjectList list;
  std::string rest;  // the server's token for the next page
  do {
    const std::string from = rest.empty() ? "" : "&continue=" + UrlEscape(rest);
    HAWSER_ASSIGN_OR_RETURN(Object page,
                            Send(what, {.method = "GET", .target = target + from}, call));
    const auto items = page.find("items");
    // A Go server writes an empty list as null now and then.
    if (!page.is_object() || items == page.end() || !(items->is_array() || items->is_null()))
      return absl::InternalError(what + ": the answer is no list");
    for (Object& item : *items) {
      NameKind(page, item);
      list.items.push_back(std::move(item));
    }
    list.resource_version = ResourceVersionOf(page);
    rest = StringAt(page, {"metadata", "continue"});
  } while (!rest.empty());
  return list;
}

absl::StatusOr<Object> Client::Create(const Resource& resource, const Object& object,
                                      const Call& call) {
  const ObjectName name = NameOf(object);
  const std::string what = What("create", resource, name);
  absl::StatusOr<std::string> path = CollectionPath(resource, name.ns);
  if (!path.ok()) return InContext(path.status(), what);
  return Send(what, {.method = "POST", .target = *path, .body = Dump(object)}, call);
}

absl::StatusOr<Object> Client::Update(const Resource& resource, const Object& object,
                                      const Call& call) {
  return SendObject("update", "PUT", resource, NameOf(object), object, "application/json", "",
                    call);
}

absl::StatusOr<Object> Client::Apply(const Resource& resource, const Object& object,
                                     const ApplyOptions& options, const Call& call) {
  const std::string query =
      "?fieldManager=" + UrlEscape(options.field_manager) + (options.force ? "&force=true" : "");
  // YAML by name, and JSON is YAML.
  return SendObject("apply", "PATCH", resource, NameOf(object), object,
                    "application/apply-patch+yaml", query, call);
}

absl::StatusOr<Object> Client::MergePatch(const Resource& resource, const ObjectName& name,
                                          const Object& patch, const Call& call) {
  return SendObject("patch", "PATCH", resource, name, patch, "application/merge-patch+json", "",
                    call);
}

absl::Status Client::Delete(const Resource& resource, const ObjectName& name,
                            const DeleteOptions& options, const Call& call) {
  Object body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty())
    body["preconditions"]["resourceVersion"] = options.resource_version;
  return SendObject("delete", "DELETE", resource, name, body, "application/json", "", call)
      .status();
}

absl::Status Client::Stream(const std::string& target,
                            absl::FunctionRef<absl::Status(const std::string& part)> sink,
                            const Call& call) {
  const base::Time deadline = base::Clock::now() + call.timeout.value_or(options_.timeout);
  HAWSER_RETURN_IF_ERROR(WaitForTurn(deadline, call.stop));
  HAWSER_ASSIGN_OR_RETURN(const Credential credential, config().credentials->Get());
  Answer answer;
  HAWSER_RETURN_IF_ERROR(Attempt(
      {.method = "GET", .target = target}, credential, deadline, call.stop,
      [&](const HttpHead& head, const std::string& part) {
        if (head.status < 400) return sink(part);
        answer.body += part.substr(0, kMaxError - std::min(kMaxError, answer.body.size()));
        return absl::OkStatus();
      },
      answer));
  if (answer.head.status < 400) return absl::OkStatus();
  if (answer.head.status == 401) config().credentials->OnRefused(credential);
  return ApiError(answer.head.status, answer.body);
}

}  // namespace hawser::kube
