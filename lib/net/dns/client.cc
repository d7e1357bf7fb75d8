#include "lib/net/dns/client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/net/dns/stream_exchange.h"

namespace hawser::net::dns {
namespace {

// Of an answer that needs TCP: connecting and a round trip.
constexpr base::Duration kStreamTimeout = std::chrono::seconds(3);

}  // namespace

class Client::Attempts final : public Question, private DatagramPort::Listener {
 public:
  Attempts(Client& client, std::shared_ptr<const ResolvConf> conf, const std::string& name,
           RecordType type, int rounds, Done done)
      : client_(client),
        conf_(std::move(conf)),
        name_(name),
        type_(type),
        attempts_(static_cast<size_t>(rounds) * conf_->servers.size()),
        first_(conf_->rotate ? client.turn_++ : 0),
        done_(std::move(done)),
        fault_(absl::DeadlineExceededError("timed out")),
        next_(client.loop_) {
    Try();
  }

  ~Attempts() override { LeaveAll(); }

 private:
  struct Listening {
    DatagramPort* port;
    uint16_t id;
  };

  // Does not call back, since the constructor calls it.
  void Try() {
    if (tried_ == attempts_) {
      InNextTurn([this] { Finish({.status = fault_, .addresses = {}}); });
      return;
    }
    const size_t servers = conf_->servers.size();
    const asio::ip::udp::endpoint& server = conf_->servers[(first_ + tried_) % servers];
    const base::Duration patience = Patience(static_cast<int>(tried_ / servers));
    ++tried_;
    if (conf_->tcp) {
      AskOverTcp(server);
      return;
    }
    const auto port = client_.PortTo(server, type_);
    if (!port.ok()) {
      Failed(port.status());
      return;
    }
    listening_.push_back({*port, (*port)->Add(*this)});
    latest_ = *port;
    next_.Set(patience, [this] { Try(); });
    const absl::Status sent = (*port)->Send(MakeQuery(name_, type_, listening_.back().id));
    if (sent.ok()) return;
    Leave(**port);
    Failed(absl::UnavailableError(sent.message()));
  }

  // As others do it: twice the time in each further round, shared by the servers.
  base::Duration Patience(int round) const {
    if (round == 0) return conf_->timeout;
    return (conf_->timeout * (1 << round)) / static_cast<int>(conf_->servers.size());
  }

  // The latest attempt brought nothing: on to the next server. What this process lacks, it lacks
  // for all of them.
  void Failed(const absl::Status& status) {
    fault_ = status;
    if (absl::IsResourceExhausted(status)) tried_ = attempts_;
    InNextTurn([this] { Try(); });
  }

  void OnDatagram(const DatagramPort& port, const std::string& bytes) override {
    auto reply = ParseReply(MakeQuery(name_, type_, IdOf(bytes)), bytes, type_);
    if (!reply) return;  // forged, or about something else
    if (reply->truncated) {
      const asio::ip::udp::endpoint server = port.server();
      LeaveAll();
      partial_ = *std::move(reply);
      AskOverTcp(server);
      return;
    }
    if (!absl::IsUnavailable(reply->status)) {
      Finish(*std::move(reply));
      return;
    }
    // May destroy the port.
    const bool latest = &port == latest_;
    Leave(port);
    if (latest) {
      Failed(reply->status);
    } else {
      fault_ = reply->status;
    }
  }

  void OnPortBroken(const DatagramPort& port, const absl::Status& status) override {
    std::erase_if(listening_, [&](const Listening& each) { return each.port == &port; });
    if (&port != latest_) return;
    latest_ = nullptr;
    Failed(absl::UnavailableError(status.message()));
  }

  void AskOverTcp(const asio::ip::udp::endpoint& server) {
    const std::string query = MakeQuery(name_, type_, 0);
    next_.Cancel();
    stream_ = std::make_unique<StreamExchange>(
        client_.loop_, server, query, kStreamTimeout,
        [this, query](const absl::StatusOr<std::string>& bytes) { OnStream(query, bytes); });
  }

  void OnStream(const std::string& query, const absl::StatusOr<std::string>& bytes) {
    stream_.reset();
    auto reply = bytes.ok() ? ParseReply(query, *bytes, type_) : std::nullopt;
    if (reply && !reply->truncated && !absl::IsUnavailable(reply->status)) {
      Finish(*std::move(reply));
    } else if (!partial_.addresses.empty()) {
      Finish(std::move(partial_));  // some are better than none
    } else if (!bytes.ok()) {
      Failed(bytes.status());
    } else {
      Failed(absl::UnavailableError("malformed answer of a name server"));
    }
  }

  void Leave(const DatagramPort& port) {
    const auto at = std::find_if(listening_.begin(), listening_.end(),
                                 [&](const Listening& each) { return each.port == &port; });
    const Listening left = *at;
    listening_.erase(at);
    if (latest_ == left.port) latest_ = nullptr;
    client_.Leave(*left.port, left.id);
  }

  void LeaveAll() {
    latest_ = nullptr;
    for (const Listening& each : std::exchange(listening_, {})) client_.Leave(*each.port, each.id);
  }

  void InNextTurn(base::Closure work) { next_.Set(base::Duration::zero(), std::move(work)); }

  void Finish(Reply reply) {
    next_.Cancel();
    LeaveAll();
    Done done = std::move(done_);
    done(std::move(reply));  // may destroy this
  }

  Client& client_;
  const std::shared_ptr<const ResolvConf> conf_;
  const std::string name_;
  const RecordType type_;
  const size_t attempts_;
  const size_t first_;
  Done done_;
  size_t tried_ = 0;
  std::vector<Listening> listening_;        // also where time was up
  const DatagramPort* latest_ = nullptr;    // of the latest attempt, while it is open
  absl::Status fault_;                      // what to say when nobody knows
  Reply partial_;                           // what fitted into a datagram
  std::unique_ptr<StreamExchange> stream_;  // set: asks over TCP now
  base::Timer next_;
};

std::unique_ptr<Question> Client::Ask(std::shared_ptr<const ResolvConf> conf,
                                      const std::string& name, RecordType type, int rounds,
                                      Done done) {
  return std::make_unique<Attempts>(*this, std::move(conf), name, type, rounds, std::move(done));
}

absl::StatusOr<DatagramPort*> Client::PortTo(const asio::ip::udp::endpoint& server,
                                             RecordType type) {
  DatagramPort* used_up = nullptr;
  // The latest one is the likeliest.
  for (auto port = ports_.rbegin(); port != ports_.rend(); ++port) {
    if (port->type != type || port->socket->server() != server) continue;
    if (!port->socket->used_up()) return port->socket.get();
    used_up = port->socket.get();
    break;
  }
  auto opened = DatagramPort::Open(loop_, server);
  if (opened.ok()) {
    DatagramPort* const port = opened->get();
    port->set_broken([this, port](const absl::Status& status) { OnBroken(port, status); });
    ports_.push_back({type, *std::move(opened)});
    return port;
  }
  if (used_up != nullptr) return used_up;
  return opened.status();
}

std::list<Client::Port>::iterator Client::Find(const DatagramPort* port) {
  return std::find_if(ports_.begin(), ports_.end(),
                      [&](const Port& each) { return each.socket.get() == port; });
}

void Client::Leave(DatagramPort& port, uint16_t id) {
  port.Remove(id);
  if (!port.idle()) return;
  if (const auto at = Find(&port); at != ports_.end()) ports_.erase(at);
}

void Client::OnBroken(const DatagramPort* port, const absl::Status& status) {
  const auto at = Find(port);
  // Off the list, so that nobody joins it or destroys it meanwhile.
  const Port broken = std::move(*at);
  ports_.erase(at);
  broken.socket->Break(status);
}

}  // namespace hawser::net::dns
