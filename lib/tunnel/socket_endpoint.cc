#include "lib/tunnel/socket_endpoint.h"

#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "lib/net/dead_peer.h"
#include "lib/net/stop_reading.h"
#include "lib/tunnel/session.h"

namespace hawser::tunnel {
namespace {

// Why a socket is of no use any more, also when no call on it has failed yet.
std::string WhyBroken(net::Socket& socket) {
  if (!socket.error().ok()) return std::string(socket.error().message());
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error != 0 ? std::strerror(error) : "the peer is gone";
}

}  // namespace

std::shared_ptr<SocketEndpoint> SocketEndpoint::Make(std::unique_ptr<net::Socket> socket,
                                                     std::string read_ahead, Hop local) {
  return std::shared_ptr<SocketEndpoint>(
      new SocketEndpoint({std::move(socket), std::move(read_ahead)}, local));
}

SocketEndpoint::SocketEndpoint(DialWatch::Client client, Hop local)
    : local_(local), unopened_(std::make_unique<Unopened>(std::move(client))) {}

void SocketEndpoint::SetGreeting(std::string greeting) {
  unopened_->greeting = std::move(greeting);
}

void SocketEndpoint::SetPatience(base::Duration patience) { unopened_->patience = patience; }

void SocketEndpoint::OnHangUp(DialWatch::End end, base::Closure callback) {
  unopened_->watch.Start(end, std::move(callback));
}

std::string SocketEndpoint::TakeEarly(size_t limit) {
  std::string early = unopened_->watch.read_ahead().substr(0, limit);
  unopened_->early = early.size();
  return early;
}

DialWatch::Client SocketEndpoint::TakeBack() { return unopened_->watch.Take(); }

void SocketEndpoint::OnOpen(Connection& connection) {
  connection_ = &connection;
  const std::unique_ptr<Unopened> unopened = std::move(unopened_);
  DialWatch::Client client = unopened->watch.Take();
  if (connection.session().features().early) client.read_ahead.erase(0, unopened->early);
  socket_ = std::move(client.socket);
  source_.emplace(*socket_, std::move(client.read_ahead), connection.memory(),
                  static_cast<SocketSource::Owner&>(*this));
  sink_.emplace(*socket_, static_cast<SocketSink::Owner&>(*this), unopened->patience);
  sink_->ChargeTo(connection.memory());
  if (!unopened->greeting.empty()) sink_->Greet(unopened->greeting);
  if (connection_ != nullptr) source_->Start();
}

Pulled SocketEndpoint::Pull(std::span<uint8_t> space) {
  const SocketSource::Read read = source_->Pull(space);
  switch (read.outcome) {
    case SocketSource::Read::kBytes: return {Pulled::kBytes, read.bytes};
    case SocketSource::Read::kDrained: return {Pulled::kDrained, read.bytes};
    case SocketSource::Read::kEnd:
      // What the peer said before it went is through; what was for it is not.
      if (!sink_->failed()) return {Pulled::kEnd};
      WriteFailed();
      break;
    case SocketSource::Read::kFailed: SocketFailed(); break;
  }
  return {Pulled::kDrained};
}

void SocketEndpoint::OnReadable() {
  if (connection_ != nullptr) connection_->Ready();
}

void SocketEndpoint::OnHangUp() {
  // A plain agent has time to write: the session looks after it.
  if (connection_ == nullptr || IsPlain()) return;
  if (socket_->Look() == net::Socket::Peer::kReset) {
    SocketFailed();
  } else {
    connection_->Close();
  }
}

void SocketEndpoint::Deliver(std::span<const uint8_t> bytes) { sink_->Write(bytes); }

void SocketEndpoint::DeliverEnd() { sink_->End(); }

void SocketEndpoint::OnWritten(size_t bytes) {
  if (connection_ != nullptr) connection_->Delivered(bytes);
}

// What the peer sent before it stopped taking bytes is still to be read (a server that answers
// early and closes). When it had finished sending before, it is gone.
void SocketEndpoint::OnWriteFailed() {
  if (connection_ == nullptr) return;
  if (source_->ended()) {
    WriteFailed();
  } else {
    connection_->Ready();
  }
}

void SocketEndpoint::OnClosed(const Failure* failure) {
  connection_ = nullptr;
  if (sink_.has_value() && failure == nullptr) {
    // Who waits to write would never hear of the end otherwise.
    if (pair_) net::StopReading(socket_->fd());
    sink_->Finish(shared_from_this());
    return;
  }
  Done(failure);
  if (sink_.has_value()) {
    sink_->Drop();
    socket_->Abort();
  } else if (const DialWatch::Client client = TakeBack(); client.socket != nullptr) {
    client.socket->Abort();
  }
}

void SocketEndpoint::Abort(const Failure& failure) {
  if (connection_ != nullptr) {
    connection_->Close(failure);
  } else if (sink_.has_value() && sink_->state() != SocketSink::State::kClosed) {
    Done(&failure);
    sink_->Drop();
    socket_->Abort();
  }
}

void SocketEndpoint::OnFinished(const absl::Status& status) {
  const Failure failure{Reason::kReset, local_, std::string(status.message())};
  if (status.ok() || (pair_ && sink_->failed())) {
    Done(nullptr);
    socket_->Close();
  } else {
    Done(&failure);
    socket_->Abort();
  }
}

Presence SocketEndpoint::Look() {
  if (const size_t bytes = sink_->Drained(); bytes > 0) connection_->Progressed(bytes);
  // A plain agent is not told of the end of what a client said: it matters whether that is still
  // there. Should it be reset by then, it has said all that it had to say.
  const bool finished = source_->ended() && local_ == Hop::kClient && IsPlain();
  switch (socket_->Look()) {
    case net::Socket::Peer::kThere:
      if (net::IsUnheardOf(socket_->fd())) break;
      if (finished) Probe();
      return Presence::kHere;
    case net::Socket::Peer::kLeft: return Presence::kLeft;
    case net::Socket::Peer::kGone: return source_->empty() ? Presence::kGone : Presence::kLeft;
    case net::Socket::Peer::kReset:
      if (finished) return Presence::kGone;
      break;
  }
  SocketFailed();
  return Presence::kGone;
}

// It may close some time after it has said its end: looked at ever more rarely.
void SocketEndpoint::Probe() {
  const base::Time now = socket_->loop().Now();
  if (now < probe_at_) return;
  socket_->Probe();
  probe_at_ = now + probe_pause_;
  probe_pause_ *= 2;
}

bool SocketEndpoint::IsPlain() const { return !connection_->session().features().fin; }

void SocketEndpoint::SocketFailed() {
  if (connection_ == nullptr) return;
  connection_->Close(Failure{Reason::kReset, local_, WhyBroken(*socket_)});
}

void SocketEndpoint::WriteFailed() {
  if (pair_ && connection_ != nullptr) {
    connection_->Close();
  } else {
    SocketFailed();
  }
}

void SocketEndpoint::Done(const Failure* failure) {
  if (done_) std::exchange(done_, nullptr)(failure);
}

}  // namespace hawser::tunnel
