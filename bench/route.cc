#include "bench/route.h"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace hawser::bench {
namespace {

// Bounds what unread connections take from the kernel's memory for sockets, bytes.
constexpr int kUnreadReceiveBuffer = 64 * 1024;

void ExpectOk(const std::string& head, const std::string& what) {
  if (head.compare(0, 12, "HTTP/1.1 200") != 0 && head.compare(0, 12, "HTTP/1.0 200") != 0) {
    throw std::runtime_error(what + ": " + head.substr(0, head.find("\r\n")));
  }
}

std::string ConnectHead(const std::string& authority) {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
}

}  // namespace

Fd Route::Open(int receive_buffer) const {
  Fd fd = ConnectTo(via, receive_buffer);
  if (connect.empty()) return fd;
  SendAll(fd, ConnectHead(connect));
  ExpectOk(ReceiveHead(fd), "CONNECT " + connect);
  return fd;
}

Fd Route::OpenEcho(bool at_once) const {
  const std::string request = kEchoRequest;
  Fd fd = at_once ? ConnectTo(via) : Open();
  SendAll(fd, at_once && !connect.empty() ? ConnectHead(connect) + request : request);
  if (at_once && !connect.empty()) ExpectOk(ReceiveHead(fd), "CONNECT " + connect);
  ExpectOk(ReceiveHead(fd), "echo");
  ReceiveExactly(fd, 1);
  return fd;
}

void EchoByte(const Fd& fd) {
  SendAll(fd, ".");
  ReceiveExactly(fd, 1);
}

std::vector<Fd> OpenUnread(const Route& route, const std::string& target, size_t count) {
  std::vector<Fd> unread;
  for (size_t i = 0; i < count; ++i) {
    unread.push_back(route.Open(kUnreadReceiveBuffer));
    SendAll(unread.back(), "GET /endless HTTP/1.1\r\n\r\n");
  }
  const Fd control = ConnectTo(target);
  for (uint64_t before = 0;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const uint64_t sent = TargetStat(control, "endless");
    if (sent > 0 && sent == before) return unread;
    before = sent;
  }
}

uint64_t TargetStat(const Fd& control, const std::string& name) {
  SendAll(control, "GET /stats HTTP/1.1\r\n\r\n");
  const std::string head = ReceiveHead(control);
  const std::string length_header = "Content-Length: ";
  const size_t length = std::stoul(head.substr(head.find(length_header) + length_header.size()));
  const std::string body = ReceiveExactly(control, length);
  const size_t at = body.find(name + " ");
  if (at == std::string::npos) throw std::runtime_error("the target has no figure " + name);
  return std::stoull(body.substr(at + name.size() + 1));
}

}  // namespace hawser::bench
