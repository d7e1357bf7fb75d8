// Both ends of a TLS connection over loopback, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/net/event_loop.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_handshake.h"
#include "lib/testing/loopback.h"

namespace hawser::net {

struct TlsPair {
  absl::StatusOr<std::unique_ptr<Socket>> client;
  absl::StatusOr<std::unique_ptr<Socket>> server;
};

// Runs the loop until both sides know how the handshake ended.
inline TlsPair MakeTlsPair(EventLoop& loop, std::shared_ptr<TlsContext> client_context,
                           std::shared_ptr<TlsContext> server_context,
                           const std::string& server_name = "localhost") {
  constexpr base::Duration kDeadline = std::chrono::seconds(10);
  const auto [client_fd, server_fd] = hawser::testing::TcpPair();
  std::optional<absl::StatusOr<std::unique_ptr<Socket>>> client, server;
  TlsAccept(loop, server_fd, std::move(server_context), kDeadline,
            [&](auto socket) { server = std::move(socket); });
  TlsConnect(loop, client_fd, std::move(client_context), server_name, kDeadline,
             [&](auto socket) { client = std::move(socket); });
  hawser::testing::RunUntil(loop, [&] { return client.has_value() && server.has_value(); });
  return {*std::move(client), *std::move(server)};
}

// Connects and exchanges a byte, so that the client has read its ticket. Whom the server sees.
inline PeerInfo MeetServer(EventLoop& loop, std::shared_ptr<TlsContext> client_context,
                           std::shared_ptr<TlsContext> server_context,
                           const std::string& server_name = "localhost") {
  TlsPair pair =
      MakeTlsPair(loop, std::move(client_context), std::move(server_context), server_name);
  const PeerInfo info = (*pair.server)->peer();
  EXPECT_EQ((*pair.client)->peer().resumed, info.resumed);
  EXPECT_NE((*pair.client)->peer().certificate, nullptr);
  hawser::testing::LoopbackPeer from(*std::move(pair.server)), to(*std::move(pair.client));
  from.Send("!");
  hawser::testing::RunUntil(loop, [&] { return to.received() == "!"; });
  return info;
}

}  // namespace hawser::net
