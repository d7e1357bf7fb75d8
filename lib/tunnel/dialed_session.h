// The side of a session that opens connections on request: the agent towards a hub, and the hub's
// gRPC front end towards its client.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/tunnel/session.h"

namespace hawser::tunnel {

class DialedSession : public Session {
 public:
  struct Request {
    int64_t dial_id;       // chosen by the dialler
    std::string protocol;  // "tcp"
    std::string address;   // "host:port", not checked
    uint64_t client = 0;   // whose dial it is (client_number.h); 0: the dialler does not say
  };

  explicit DialedSession(const SessionOptions& options) : Session(options) {}

  // Answers a request, now or later. First bytes that came with the dial are delivered to the
  // endpoint. When the dial was cancelled meanwhile, the endpoint is closed with kCancelled.
  // `memory`: what the connection's queue is charged to; null: the session's.
  void AcceptDial(int64_t dial_id, std::shared_ptr<Endpoint> endpoint,
                  std::shared_ptr<MemoryBudget> memory = nullptr);
  // A no-op when the dial was cancelled meanwhile.
  void RejectDial(int64_t dial_id, const Failure& failure);

  // First bytes of a dial that is not answered yet, for one who sends them on with a dial of its
  // own: AcceptDial() then delivers none.
  std::string TakeEarly(int64_t dial_id);

  size_t pending_dials() const { return pending_.size(); }

  bool EndSome(const absl::Status& status) override;

 protected:
  // Owes an AcceptDial() or RejectDial(), which may be called from within.
  virtual void OnDial(Request request) = 0;
  // Nobody waits for this dial any more (the peer gave up, or the session ended): no answer is
  // owed, work on it should stop.
  virtual void OnDialCancelled(int64_t dial_id) = 0;
  // The peer sent DRAIN: it will dial no more.
  virtual void OnDrain() {}

  Failure LostFailure(const absl::Status& status) const override;
  wire::PacketType close_type() const override { return wire::CLOSE_RSP; }
  absl::Status OnDialPacket(const wire::Packet& packet) override;
  void OnConnectionEnded(Connection&) override {}
  // Whoever dials stands behind what is held back, unseen.
  Others OthersThan(const Connection& holder) const override {
    return std::max(Session::OthersThan(holder), Others::kMayWait);
  }

 private:
  absl::Status OnRequest(const wire::DialRequest& request);
  absl::Status OnGivenUp(int64_t dial_id);
  void Answer(int64_t dial_id, int64_t connection_id, const Failure* failure);

  std::unordered_map<int64_t, std::string, base::SeededHash> pending_;  // first bytes by dial id
  int64_t last_id_ = 0;
  bool dialled_ = false;  // the peer has asked for something
};

}  // namespace hawser::tunnel
