#include "lib/h2/loopback.h"

#include <glog/logging.h>

#include "lib/net/socket.h"

namespace hawser::h2 {

Loopback::Loopback(const Options& server_options, const Options& client_options) {
  accept = [](const std::string&) {
    auto call = std::make_shared<TestCall>();
    call->on_open = [raw = call.get()] { raw->stream->SendHeaders({}); };
    return call;
  };
  const auto [server_end, client_end] = SocketPair();
  server = Transport::Server(
      net::MakePlainSocket(*loop, server_end), server_options,
      [this](const std::string& path, const net::Metadata&) -> std::unique_ptr<net::StreamHandler> {
        std::shared_ptr<TestCall> call = accept(path);
        if (call == nullptr) return nullptr;
        accepted_calls.push_back(call);
        return call->Handler();
      },
      [this](const absl::Status& why) { server_closed = why; });
  client = Transport::Client(net::MakePlainSocket(*loop, client_end), client_options,
                             [this](const absl::Status& why) { client_closed = why; });
}

std::shared_ptr<TestCall> Loopback::Open(const std::string& path, const net::Metadata& headers,
                                         std::shared_ptr<TestCall> call) {
  Do([&] {
    const absl::Status opened = client->OpenStream(path, "hub.example", headers, call->Handler());
    CHECK(opened.ok()) << opened;
  });
  return call;
}

std::shared_ptr<TestCall> Loopback::OpenAnswered() {
  std::shared_ptr<TestCall> call = Open("/test.Test/Call");
  CHECK(Await([&] { return call->response.has_value(); })) << "no response headers";
  return call;
}

}  // namespace hawser::h2
