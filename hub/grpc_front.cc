#include "hub/grpc_front.h"

#include <glog/logging.h>

#include <utility>

#include "hub/client_identity.h"
#include "hub/control_call.h"
#include "hub/relay.h"

namespace hawser::hub {

using tunnel::Failure;
using tunnel::Hop;
using tunnel::Reason;

namespace {

constexpr char kPath[] = "/ProxyService/Proxy";
// What a stream takes of the hub, its connection to the agent included, before anything is queued
// for it: measured, rounded up.
constexpr uint64_t kStreamBytes = 5 * 1024;

}  // namespace

// A client's stream as the dialler: a relay joins it to the agent's session.
class StreamDialler final : public Dialler {
 public:
  StreamDialler(std::shared_ptr<FrontSession*> session, int64_t dial_id, std::string early)
      : session_(std::move(session)),
        home_((*session_)->shard_),
        memory_((*session_)->options().memory),
        dial_id_(dial_id),
        early_(std::move(early)),
        early_charge_(memory_) {
    early_charge_.Set(tunnel::MemoryOf(early_));
  }

  void MoveTo(Shard& shard, base::Closure then) override {
    if (shard.loop().InLoopThread()) {
      then();
    } else {
      shard.loop().Post(std::move(then));
    }
  }

  Attempt Prepare(const std::shared_ptr<RoutedDial>&, Shard& shard, size_t early_limit) override {
    const bool with_dial = early_.size() <= early_limit;
    Relay relay = MakeRelay(home_.loop(), shard.loop(), memory_, with_dial ? "" : early_);
    end_ = std::move(relay.client);
    return {std::move(relay.agent), with_dial ? early_ : ""};
  }

  void OnDialed(Shard& shard, const Failure* failure) override {
    const auto answer = [session = session_, &home = home_, dial_id = dial_id_, end = end_,
                         failure = failure == nullptr ? std::nullopt : std::optional(*failure)] {
      Answer(*session, home, dial_id, end, failure);
    };
    if (&shard == &home_) {
      answer();
    } else {
      home_.loop().Post(answer);
    }
  }

 private:
  // On the client's loop.
  static void Answer(FrontSession* session, Shard& home, int64_t dial_id,
                     const std::shared_ptr<tunnel::Endpoint>& end,
                     const std::optional<Failure>& failure) {
    if (session == nullptr) {
      const Failure gone{Reason::kCancelled, Hop::kClient, "the client is gone"};
      if (!failure) {
        ++home.counters.unsent_answers;
        home.counters.CountStreamError("to_client", absl::CancelledError(), "DIAL_RSP");
        end->OnClosed(&gone);
      }
      return;
    }
    session->dial_ = nullptr;
    if (failure) {
      session->Reject(dial_id, *failure);
    } else {
      session->AcceptDial(dial_id, end);
    }
  }

  const std::shared_ptr<FrontSession*> session_;  // what it points to is for the client's loop
  Shard& home_;
  const std::shared_ptr<tunnel::MemoryBudget> memory_;  // the client's
  const int64_t dial_id_;
  const std::string early_;  // the client's first bytes, for each attempt
  tunnel::MemoryCharge early_charge_;
  std::shared_ptr<tunnel::Endpoint> end_;  // the client's
};

FrontSession::FrontSession(const tunnel::SessionOptions& options, Client client,
                           const Timeouts& timeouts, SessionRegistry& registry, Shard& shard,
                           base::KeyedLogLimit& failures)
    : DialedSession(options),
      client_(std::move(client)),
      timeouts_(timeouts),
      registry_(registry),
      shard_(shard),
      failures_(failures),
      cost_(client_.memory),
      unused_(shard.loop()),
      self_(std::make_shared<FrontSession*>(this)) {
  cost_.Set(kStreamBytes);
}

void FrontSession::OnOpen(net::MessageStream& stream, const net::Metadata& headers) {
  DialedSession::OnOpen(stream, headers);
  shard_.clients.insert(this);
  net::Metadata answer;
  AnswerFeatures(answer);
  stream.SendHeaders(answer);
  unused_.Set(timeouts_.first_dial,
              [this] { EndUnused(absl::DeadlineExceededError("no dial came in time")); });
}

void FrontSession::EndUnused(const absl::Status& status) {
  ended_ = true;
  unused_.Set(timeouts_.first_dial, [this] { stream()->Reset(); });
  stream()->Finish(status);
}

void FrontSession::OnClosed(const absl::Status& status) {
  *self_ = nullptr;
  shard_.clients.erase(this);
  if (!status.ok()) shard_.counters.CountStreamError("from_client", status);
  if (absl::IsInvalidArgument(status)) {  // it broke the protocol
    if (const auto line = failures_.Admit(shard_.loop().Now(), client_.identity))
      LOG(WARNING) << "grpc: stream of " << client_.identity
                   << " ended: " << std::string(status.message()) << *line;
  }
  DialedSession::OnClosed(status);
  unused_.Cancel();
  shard_.counters.clients.Add(counters());
}

void FrontSession::OnDial(Request request) {
  if (ended_) return stream()->Reset();
  unused_.Cancel();
  if (client_.surplus) {
    ++shard_.counters.surplus_streams;
    Reject(request.dial_id,
           {Reason::kOverloaded, Hop::kHub, "this connection has as many streams as it may have"});
    return;
  }
  if (request.protocol != "tcp") {
    Reject(request.dial_id, {Reason::kPolicyDenied, Hop::kHub, "only tcp can be dialled"});
    return;
  }
  const auto target = base::ParseHostPort(request.address);
  if (!target.ok()) {
    Reject(request.dial_id,
           {Reason::kProtocolError, Hop::kHub, std::string(target.status().message())});
    return;
  }
  dial_ = RoutedDial::Start(
      registry_, shard_,
      {*target, timeouts_.dial, client_.identity, options().memory, client_.memory},
      std::make_unique<StreamDialler>(self_, request.dial_id, TakeEarly(request.dial_id)));
}

void FrontSession::Reject(int64_t dial_id, const Failure& failure) {
  RejectDial(dial_id, failure);
  EndUnused(absl::OkStatus());
}

void FrontSession::OnDialCancelled(int64_t) {
  if (dial_ != nullptr) dial_->Cancel();
  dial_ = nullptr;
  // It carries no other dial.
  if (stream() != nullptr) EndUnused(absl::CancelledError("the dial was given up"));
}

void FrontSession::OnConnectionEnded(tunnel::Connection&) {
  // A stream carries one connection.
  stream()->Finish(absl::OkStatus());
}

GrpcFront::GrpcFront(Options options, const Shards& shards, ConnectionLimits& limits,
                     Credentials& credentials, SessionRegistry& registry, ControlLists& lists)
    : options_(std::move(options)),
      server_(
          {Port::kGrpc, options_.transport}, shards,
          [this, &registry, &lists](const TransportServer::Caller& caller, const std::string& path,
                                    const net::Metadata&) -> std::unique_ptr<net::StreamHandler> {
            // Its dials are refused, and it opens more and more streams all the same.
            if (caller.connection_memory != nullptr && caller.connection_memory->Overdrawn()) {
              caller.transport.Close(absl::ResourceExhaustedError(
                  "connections of " + caller.identity + " hold too much memory"));
              return nullptr;
            }
            if (path != kPath)
              return ControlCall::ForPath(path, caller.identity, caller.connection_memory, lists);
            const bool surplus = caller.transport.stream_count() >= options_.streams_per_connection;
            tunnel::SessionOptions session = options_.session;
            session.memory = caller.memory;
            return std::make_unique<FrontSession>(
                session, FrontSession::Client{caller.identity, caller.connection_memory, surplus},
                options_.timeouts, registry, caller.shard, failures_);
          }),
      port_(
          options_.socket, shards, limits, credentials,
          [this](const net::PeerInfo& peer) {
            return ClientIdentityOf(peer, options_.trust_domain);
          },
          [this](Shard& shard, std::unique_ptr<net::Socket> socket, Admission admission) {
            server_.Serve(shard, std::move(socket), std::move(admission));
          }) {}

}  // namespace hawser::hub
