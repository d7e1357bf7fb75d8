// Peers of a hub under test, each on a thread of its own: an agent that serves targets inside the
// process, and a client of the gRPC front end. What they hear can be waited for.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "hub/shard.h"
#include "lib/h2/transport.h"
#include "lib/net/tls_context.h"
#include "lib/tunnel/dialed_session.h"
#include "lib/tunnel/dialing_session.h"
#include "lib/tunnel/failure.h"

namespace hawser::hub {

// State that a loop's thread changes and the test's thread waits for.
class Awaited {
 public:
  // Changes the state under the lock.
  void Change(const std::function<void()>& change);
  // Waits until `condition` holds; false after 20 s without.
  bool Wait(const std::function<bool()>& condition);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

// Connects a TLS client transport to a port of this machine, or a plain one to a Unix socket.
struct HubAddress {
  uint16_t port = 0;
  net::TlsFiles files;
  std::string unix_path;
};

// An agent. What it does with a dial depends on the first label of the address:
//   echo      sends back what it receives, and its end
//   name      says which agent it is (`agent_id`), and ends
//   refused   refuses
//   silent    never answers
//   held      never answers when its id is "1", is echo otherwise
//   full      says that it is overloaded when its id is "1", is echo otherwise
//   late      answers with a connection once the dial was cancelled
//   stuck     takes nothing of what it receives
class TestAgent {
 public:
  struct Options {
    HubAddress hub;
    std::string agent_id = "a1";
    std::string identifiers;
    bool plain = false;  // speaks Konnectivity without the extension
    std::string token;   // sent as a bearer token, when there is one
  };
  explicit TestAgent(const Options& options);
  ~TestAgent();

  // Waits for the hub's answer to the stream: the server id, or why there is no session.
  absl::StatusOr<std::string> Connected();
  // Waits for the end of its session.
  absl::Status Ended();
  // Loses the connection to the hub.
  void Lose();
  void Drain();
  // Its process stands still until it goes on.
  void Pause();
  void Resume();

  // Waits until this many dials came / were cancelled / connections are open now.
  bool AwaitDials(size_t count);
  bool AwaitCancelled(size_t count);
  bool AwaitOpen(size_t count);
  // Connections that did not end in order.
  size_t cut();
  // The hub asked it to connect elsewhere.
  bool AwaitDrained();
  // Streams that the hub would still take on this connection.
  size_t streams_available();
  bool drained();
  std::vector<std::string> dials();

 private:
  class Session;
  class Target;
  struct State {
    std::optional<absl::StatusOr<std::string>> connected;
    std::optional<absl::Status> ended;
    std::vector<std::string> dials;
    size_t cancelled = 0;
    size_t open = 0;
    size_t cut = 0;
    bool drained = false;
  };

  // The session has ended, or could not begin; its transport ends after it, and is not what ended
  // it.
  void End(const absl::Status& status);

  const Options options_;
  Awaited awaited_;
  State state_;  // guarded by awaited_
  Shard shard_;
  std::unique_ptr<h2::Transport> transport_;  // on the shard
  Session* session_ = nullptr;                // on the shard
  std::unique_ptr<std::promise<void>> resumed_;
};

// A client of the gRPC front end.
class TestClient {
 public:
  explicit TestClient(const HubAddress& hub, const h2::Options& options = {});
  ~TestClient();

  // Waits for the connection; an error when the hub refused it.
  absl::Status Connected();

  // One dial, and the connection that comes of it.
  class Tunnel {
   public:
    // Waits for the answer; nothing when it is open.
    std::optional<tunnel::Failure> Dialled();
    void Send(const std::string& bytes);
    // Ends our direction.
    void Finish();
    // Gives the dial or the connection up.
    void Cancel();
    // Gives the dial up and keeps the stream.
    void CancelDial();
    bool AwaitReceived(const std::string& bytes);
    bool AwaitReceived(size_t size);
    bool AwaitEnd();
    // Waits until the connection is over; the failure when it was not orderly.
    std::optional<tunnel::Failure> Closed();
    // Waits until the stream has ended.
    absl::Status StreamEnded();

   private:
    friend class TestClient;
    class End;
    class Session;
    TestClient* client_;
    Session* session_ = nullptr;  // on the shard
    std::shared_ptr<End> end_;    // on the shard
    bool answered_ = false;
    std::optional<tunnel::Failure> dial_failure_;
    std::string received_;
    bool ended_ = false, closed_ = false;
    std::optional<tunnel::Failure> failure_;
    std::optional<absl::Status> stream_end_;
  };
  // `early`: first bytes for the target. Without an address the stream stays silent.
  std::shared_ptr<Tunnel> Dial(const std::string& address, const std::string& early = "");
  // Waits for the end of the transport.
  absl::Status Ended();

 private:
  Awaited awaited_;
  Shard shard_;
  std::unique_ptr<h2::Transport> transport_;  // on the shard
  std::optional<absl::Status> connected_;     // guarded by awaited_
  std::optional<absl::Status> ended_;         // guarded by awaited_
};

}  // namespace hawser::hub
