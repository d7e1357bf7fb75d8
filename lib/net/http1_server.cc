#include "lib/net/http1_server.h"

#include <algorithm>
#include <utility>

#include "lib/net/socket.h"

namespace hawser::net {
namespace {

// A loop is left alone for so many times as long as it took to look.
constexpr int kRestPerLook = 10;

const char* Reason(int status) { return http_status_str(static_cast<http_status>(status)); }

Http1Server::Response PlainAnswer(int status) {
  return {.status = status, .body = std::to_string(status) + " " + Reason(status) + "\n"};
}

// The response as it is sent.
std::string Wire(const Http1Server::Response& response, bool with_body) {
  std::string wire = "HTTP/1.1 " + std::to_string(response.status) + " " + Reason(response.status) +
                     "\r\nContent-Type: " + response.content_type +
                     "\r\nContent-Length: " + std::to_string(response.body.size()) +
                     "\r\nCache-Control: no-store\r\nConnection: close\r\n";
  if (response.status == HTTP_STATUS_METHOD_NOT_ALLOWED) wire += "Allow: GET, HEAD\r\n";
  wire += "\r\n";
  if (with_body) wire += response.body;
  return wire;
}

}  // namespace

// Reads a head, writes a response, then discards what the peer still sends: closing with unread
// bytes would reset the connection and could take the response with it.
class Http1Server::Connection {
 public:
  Connection(Http1Server& server, uint64_t id, int fd)
      : server_(server),
        id_(id),
        socket_(MakePlainSocket(server.loop_, fd)),
        address_(socket_->peer().address.substr(0, socket_->peer().address.rfind(':'))),
        deadline_(server.loop_) {}

  // The peer's, without its port.
  const std::string& address() const { return address_; }
  uint64_t id() const { return id_; }
  bool asked() const { return asked_; }

  // What follows may destroy the connection.
  void ReadHead() {
    if (!deadline_.armed()) {
      deadline_.Set(server_.options_.head_deadline,
                    [this] { Respond(PlainAnswer(HTTP_STATUS_REQUEST_TIMEOUT)); });
    }
    for (;;) {
      uint8_t space[4096];
      const Socket::Result result = socket_->Read(space);
      if (result.kind == Socket::Result::kWouldBlock) {
        socket_->WaitReadable([this] { ReadHead(); });
        return;
      }
      if (result.kind != Socket::Result::kOk) {
        server_.Remove(this);
        return;
      }
      const auto used = head_.Feed({space, result.bytes});
      if (!used.ok()) {
        const bool too_large = used.status().code() == absl::StatusCode::kResourceExhausted;
        Respond(PlainAnswer(too_large ? HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE
                                      : HTTP_STATUS_BAD_REQUEST));
        return;
      }
      if (head_.complete()) {
        server_.Answer(*this, head_);
        return;
      }
    }
  }

  // Until Respond(), for as long as a response may take.
  void Await() {
    asked_ = true;
    deadline_.Set(server_.options_.response_deadline, [this] { server_.Remove(this); });
  }

  void Respond(const Response& response) {
    Await();
    response_ = Wire(response, !head_.complete() || head_.method() != "HEAD");
    Write();
  }

 private:
  void Write() {
    while (sent_ < response_.size()) {
      const iovec rest{response_.data() + sent_, response_.size() - sent_};
      const Socket::Result result = socket_->Write({&rest, 1});
      if (result.kind == Socket::Result::kWouldBlock) {
        socket_->WaitWritable([this] { Write(); });
        return;
      }
      if (result.kind != Socket::Result::kOk) {
        server_.Remove(this);
        return;
      }
      sent_ += result.bytes;
    }
    socket_->ShutdownWrite();
    deadline_.Set(server_.options_.closing_deadline, [this] { server_.Remove(this); });
    Discard();
  }

  void Discard() {
    uint8_t space[4096];
    const Socket::Result result = socket_->Read(space);
    if (result.kind == Socket::Result::kOk || result.kind == Socket::Result::kWouldBlock) {
      socket_->WaitReadable([this] { Discard(); });
    } else {
      server_.Remove(this);
    }
  }

  Http1Server& server_;
  const uint64_t id_;
  const std::unique_ptr<Socket> socket_;
  const std::string address_;
  Http1Head head_;
  bool asked_ = false;
  std::string response_;  // as it is sent
  size_t sent_ = 0;       // bytes of it
  base::Timer deadline_;
};

Http1Server::Http1Server(EventLoop& loop, const Options& options)
    : loop_(loop), options_(options) {}

Http1Server::~Http1Server() = default;

void Http1Server::Handle(const std::string& path, Handler handler) {
  pages_[path] = {.handler = std::move(handler)};
}

void Http1Server::HandleOn(EventLoop& there, const std::string& path, Look look) {
  pages_[path] = {.there = &there,
                  .look = std::make_shared<Look>(std::move(look)),
                  .rest = std::make_unique<base::Timer>(loop_)};
}

void Http1Server::Serve(int fd) {
  auto connection = std::make_unique<Connection>(*this, ++last_id_, fd);
  MakeRoom(connection->address());
  connections_.push_back(std::move(connection));
  count_ = connections_.size();
  connections_.back()->ReadHead();
}

void Http1Server::MakeRoom(const std::string& address) {
  const auto of_address =
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& each) { return each->address() == address; });
  if (static_cast<size_t>(of_address) >= options_.max_per_address) {
    ++dropped_for_address_;
    Remove(Dispensable(address));
  } else if (connections_.size() >= options_.max_connections) {
    ++dropped_for_total_;
    Remove(Dispensable(""));
  }
}

Http1Server::Connection* Http1Server::Dispensable(const std::string& address) {
  Connection* oldest = nullptr;
  for (const auto& connection : connections_) {
    if (!address.empty() && connection->address() != address) continue;
    if (!connection->asked()) return connection.get();
    if (oldest == nullptr) oldest = connection.get();
  }
  return oldest;
}

void Http1Server::Answer(Connection& connection, const Http1Head& head) {
  const size_t question_mark = head.target().find('?');
  const auto found = pages_.find(head.target().substr(0, question_mark));
  if (found == pages_.end()) {
    connection.Respond(PlainAnswer(HTTP_STATUS_NOT_FOUND));
    return;
  }
  if (head.method() != "GET" && head.method() != "HEAD") {
    connection.Respond(PlainAnswer(HTTP_STATUS_METHOD_NOT_ALLOWED));
    return;
  }
  const bool has_query = question_mark != std::string::npos;
  const std::string query = has_query ? head.target().substr(question_mark + 1) : "";
  Page& page = found->second;
  if (page.there == nullptr) {
    connection.Respond(page.handler(query));
    return;
  }
  connection.Await();
  if (page.waiting.size() >= options_.max_connections) ForgetGone(page);
  page.waiting[query].push_back(connection.id());
  AskThere(page);
}

void Http1Server::ForgetGone(Page& page) {
  for (auto& [query, waiting] : page.waiting)
    std::erase_if(waiting, [this](uint64_t id) { return Find(id) == nullptr; });
  std::erase_if(page.waiting, [](const auto& each) { return each.second.empty(); });
}

void Http1Server::AskThere(Page& page) {
  if (page.looking || page.rest->armed() || page.waiting.empty()) return;
  page.looking = true;
  // Who came first: ids count up.
  const auto first = page.waiting.extract(std::min_element(
      page.waiting.begin(), page.waiting.end(),
      [](const auto& a, const auto& b) { return a.second.front() < b.second.front(); }));
  page.there->Post([this, &page, &here = loop_, alive = std::weak_ptr(alive_), look = page.look,
                    query = first.key(), connections = first.mapped()] {
    const auto began = base::Clock::now();
    Writer write = (*look)(query);
    const base::Duration took = base::Clock::now() - began;
    here.Post([this, &page, alive, took, connections, write = std::move(write)]() mutable {
      if (alive.expired()) return;
      page.looking = false;
      page.rest->Set(kRestPerLook * took, [this, &page] { AskThere(page); });
      const Response response = write();
      for (const uint64_t connection : connections) Respond(connection, response);
    });
  });
}

void Http1Server::Respond(uint64_t connection, const Response& response) {
  if (Connection* const found = Find(connection)) found->Respond(response);
}

Http1Server::Connection* Http1Server::Find(uint64_t id) const {
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [id](const auto& each) { return each->id() == id; });
  return found != connections_.end() ? found->get() : nullptr;
}

void Http1Server::Remove(Connection* connection) {
  std::erase_if(connections_, [=](const auto& each) { return each.get() == connection; });
  count_ = connections_.size();
}

}  // namespace hawser::net
