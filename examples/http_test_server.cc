// A web server on loopback whose paths are what may happen to a request, with the flags and paths
// of Konnectivity's program of the same name:
//
//   /success        a page
//   /sleep?time=N   the same after N seconds (10)
//   /error          500
//   /close          hangs up without an answer
#include <arpa/inet.h>
#include <gflags/gflags.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "lib/base/daemon.h"
#include "lib/base/flag_values.h"
#include "lib/base/status.h"
#include "lib/net/http1_head.h"

DEFINE_int32(server_port, 8000, "TCP port on 127.0.0.1; 0: a free one");

namespace hawser::examples {
namespace {

constexpr int kMostConnections = 256;
constexpr timeval kIdleTimeout{.tv_sec = 60};
constexpr int kDefaultSleep = 10;  // seconds
constexpr int kMostSleep = 3600;

constexpr char kSuccess[] =
    "<!DOCTYPE html>\n"
    "<html>\n"
    "  <head><title>Success</title></head>\n"
    "  <body><p>This page came from http-test-server.</p></body>\n"
    "</html>\n";

std::string Answer(const std::string& status, const std::string& type, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string Page() { return Answer("200 OK", "text/html; charset=utf-8", kSuccess); }

int SecondsOf(const std::string& query) {
  constexpr char kTime[] = "time=";
  int seconds = 0;
  const bool valid = query.starts_with(kTime) &&
                     absl::SimpleAtoi(query.substr(sizeof(kTime) - 1), &seconds) && seconds >= 0 &&
                     seconds <= kMostSleep;
  return valid ? seconds : kDefaultSleep;
}

// Nothing when the connection is to be closed instead.
std::optional<std::string> Respond(const std::string& target) {
  const size_t end = std::min(target.find('?'), target.size());
  const std::string path = target.substr(0, end);
  if (path == "/success") return Page();
  if (path == "/sleep") {
    std::this_thread::sleep_for(std::chrono::seconds(SecondsOf(target.substr(end).erase(0, 1))));
    return Page();
  }
  if (path == "/close") return std::nullopt;
  const std::string status = path == "/error" ? "500 Internal Server Error" : "404 Not Found";
  return Answer(status, "text/plain; charset=utf-8", status.substr(4) + "\n");
}

bool Send(int fd, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += count;
  }
  return true;
}

// Answers one request after the other, until the client ends, breaks a rule or is idle too long.
void ServeConnection(int fd) {
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kIdleTimeout, sizeof(kIdleTimeout));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kIdleTimeout, sizeof(kIdleTimeout));
  std::array<uint8_t, 4096> space;
  std::span<const uint8_t> unread;
  for (;;) {
    net::Http1Head head;
    while (!head.complete()) {
      if (unread.empty()) {
        const ssize_t count = recv(fd, space.data(), space.size(), 0);
        if (count <= 0) return;
        unread = {space.data(), static_cast<size_t>(count)};
      }
      const auto used = head.Feed(unread);
      if (!used.ok()) return;
      unread = unread.subspan(*used);
    }
    // Other methods have bodies, which nothing here would read.
    if (head.method() != "GET") return;
    const std::optional<std::string> answer = Respond(head.target());
    if (!answer.has_value() || !Send(fd, *answer)) return;
    if (head.headers().Get("connection") == "close") return;
  }
}

class HttpTestServer {
 public:
  struct Served {
    std::string what;
    std::string address;
  };

  static absl::StatusOr<std::unique_ptr<HttpTestServer>> Create(int port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) return base::ErrnoStatus(errno, "socket");
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    if (bind(listener, generic, size) != 0 || listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, generic, &size) != 0) {
      const int error = errno;
      close(listener);
      return base::ErrnoStatus(error, "listen on 127.0.0.1:" + std::to_string(port));
    }
    return std::unique_ptr<HttpTestServer>(new HttpTestServer(listener, ntohs(address.sin_port)));
  }

  std::vector<Served> served() const { return {{"http", "127.0.0.1:" + std::to_string(port_)}}; }

  // What they do by default, ending the process, suits a server that has nothing to finish.
  void HandleSignals() {}

  void Run() {
    for (;;) {
      room_.acquire();
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        room_.release();
        continue;
      }
      std::thread([this, fd] {
        ServeConnection(fd);
        close(fd);
        room_.release();
      }).detach();
    }
  }

 private:
  HttpTestServer(int listener, int port) : listener_(listener), port_(port) {}

  const int listener_;
  const int port_;
  std::counting_semaphore<kMostConnections> room_{kMostConnections};
};

absl::StatusOr<int> PortFromFlags() {
  if (FLAGS_server_port < 0 || FLAGS_server_port > 65535)
    return base::BadFlag("server-port", "must be from 0 to 65535");
  return FLAGS_server_port;
}

}  // namespace
}  // namespace hawser::examples

int main(int argc, char** argv) {
  return hawser::base::RunDaemon<hawser::examples::HttpTestServer>(
      "http-test-server", "Serves pages on loopback to try tunnels with.", argc, argv,
      &hawser::examples::PortFromFlags);
}
