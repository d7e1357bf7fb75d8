// `hawser port-forward`: local ports whose connections go to an address in a cluster.
#include <charconv>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "cli/command.h"
#include "cli/dialer_options.h"
#include "lib/base/host_port.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/net/event_loop.h"
#include "lib/net/listener.h"
#include "lib/net/socket_address.h"

namespace hawser::cli {
namespace {

struct Options {
  std::string host;
  std::vector<std::string> ports;
  std::vector<std::string> addresses = {"localhost"};
  std::string timeout = "10s";
};

struct Forward {
  uint16_t local;  // 0: a free one
  std::string remote;
};

std::optional<uint16_t> ParsePort(const std::string& text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return port;
}

// "80" is 80:80, ":80" takes a free local port.
absl::StatusOr<Forward> ParseForward(const std::string& host, const std::string& text) {
  const size_t colon = text.find(':');
  const std::string remote_text = colon == std::string::npos ? text : text.substr(colon + 1);
  const std::string local_text = colon == std::string::npos ? text : text.substr(0, colon);
  const auto remote = ParsePort(remote_text);
  const auto local = local_text.empty() ? std::optional<uint16_t>(0) : ParsePort(local_text);
  if (!remote.has_value() || *remote == 0 || !local.has_value())
    return absl::InvalidArgumentError("port " + base::Quote(text) + ": want [LOCAL:]REMOTE");
  const std::string address = base::FormatHostPort({host, *remote});
  HAWSER_RETURN_IF_ERROR(base::ParseHostPort(address).status());
  return Forward{*local, address};
}

// One listener for each address that is there: of "localhost" IPv4, IPv6 or both, with one port. A
// port that is asked for, and that another program has on one of them, is an error: its answers
// would be taken for ours.
absl::StatusOr<std::vector<std::unique_ptr<net::Listener>>> Listen(net::EventLoop& loop,
                                                                   const std::string& address,
                                                                   uint16_t port) {
  const bool both = address == "localhost";
  const bool asked = port != 0;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  absl::Status failure;
  for (const std::string& ip :
       both ? std::vector<std::string>{"127.0.0.1", "::1"} : std::vector<std::string>{address}) {
    HAWSER_ASSIGN_OR_RETURN(const auto endpoint, net::BindEndpoint(ip, port));
    auto listener = net::Listener::Tcp(loop, endpoint);
    if (!listener.ok()) {
      if (asked && absl::IsAlreadyExists(listener.status())) return listener.status();
      failure.Update(listener.status());
      continue;
    }
    port = (*listener)->port();
    listeners.push_back(*std::move(listener));
  }
  if (listeners.empty()) return failure;
  return listeners;
}

void Announce(const std::string& local, const std::string& remote, bool json) {
  if (json) {
    std::cout << nlohmann::ordered_json{{"local", local}, {"remote", remote}} << std::endl;
  } else {
    std::cout << "forwarding " << local << " -> " << remote << std::endl;
  }
}

absl::Status PortForward(const GlobalOptions& global, const Options& options) {
  if (const auto address = base::ParseHostPort(options.host); address.ok())
    return absl::InvalidArgumentError("HOST " + base::Quote(options.host) +
                                      " has a port: want port-forward " + address->host +
                                      " [LOCAL:]" + std::to_string(address->port));
  std::vector<Forward> forwards;
  for (const std::string& port : options.ports) {
    HAWSER_ASSIGN_OR_RETURN(Forward forward, ParseForward(options.host, port));
    forwards.push_back(std::move(forward));
  }
  HAWSER_ASSIGN_OR_RETURN(const auto dial, ParseDialOptions(options.timeout));
  HAWSER_ASSIGN_OR_RETURN(const auto dialer, MakeDialer(global));

  net::EventLoop loop;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  const auto start = [&](net::Listener& listener, const std::string& remote) {
    listener.Start([&dialer, dial, local = listener.address(), remote](int fd) {
      const std::string peer = net::PeerAddress(fd);
      dialer->Join(fd, remote, dial, [local, peer](const absl::Status& status) {
        if (!status.ok())
          std::cerr << "hawser: " + peer + " on " + local + ": " + std::string(status.message()) +
                           "\n";
      });
    });
    Announce(listener.address(), remote, global.json());
  };
  for (const Forward& forward : forwards) {
    for (const std::string& address : options.addresses) {
      HAWSER_ASSIGN_OR_RETURN(auto opened, Listen(loop, address, forward.local));
      for (auto& listener : opened) {
        start(*listener, forward.remote);
        listeners.push_back(std::move(listener));
      }
    }
  }
  loop.Run();
  return absl::OkStatus();
}

}  // namespace

void AddPortForwardCommand(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App& forward = *app.add_subcommand(
      "port-forward",
      "Forward local ports to an address in a cluster\n\nListens on localhost until interrupted. A "
      "connection that fails is reported on stderr\nand disturbs no other.");
  forward.footer(
      "  hawser port-forward web.default.svc.paris 8080:80\n"
      "  hawser port-forward db.default.svc.tokyo 5432 :9187");
  forward.add_option("HOST", options->host, "Where to, NAME.CLUSTER")->required();
  forward.add_option("[LOCAL:]REMOTE", options->ports, "Ports; an empty LOCAL takes a free one")
      ->required();
  forward
      .add_option("--address", options->addresses,
                  "Local addresses to listen on: IP addresses, or localhost")
      ->delimiter(',')
      ->type_name("ADDRESS")
      ->default_str("localhost");
  forward.add_option("--timeout", options->timeout, "How long a connection may take to open")
      ->type_name("DURATION")
      ->capture_default_str();
  forward.callback([=, &invocation] {
    invocation.action = [=, &invocation] { return PortForward(invocation.global, *options); };
  });
}

}  // namespace hawser::cli
