#include "hub/http_reply.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hawser::hub {
namespace {

constexpr base::Duration kLastWordsLimit = std::chrono::seconds(2);
constexpr size_t kMostDrained = 256 * 1024;

const char* StatusText(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 431: return "Request Header Fields Too Large";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Error";
  }
}

std::string Reply(int status, const std::string& headers, const std::string& text) {
  return absl::StrCat("HTTP/1.1 ", status, " ", StatusText(status),
                      "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ",
                      text.size() + 1, "\r\nConnection: close\r\n", headers, "\r\n", text, "\n");
}

}  // namespace

std::string HttpReply(int status, const std::string& text) {
  return Reply(status, status == 405 ? "Allow: CONNECT\r\n" : "", text);
}

std::string HttpReply(const tunnel::Failure& failure) {
  const std::string headers =
      absl::StrCat("Hawser-Reason: ", tunnel::ReasonName(failure.reason),
                   "\r\nHawser-Hop: ", tunnel::HopName(failure.hop), "\r\n");
  return Reply(tunnel::HttpStatus(failure.reason), headers, tunnel::WireText(failure.text));
}

LastWords::LastWords(std::unique_ptr<net::Socket> socket, std::string text, base::Closure done)
    : socket_(std::move(socket)),
      text_(std::move(text)),
      deadline_(socket_->loop()),
      done_(std::move(done)) {
  deadline_.Set(kLastWordsLimit, [this] { Done(); });
  // From a turn of its own: `done` must not run before the owner has this.
  socket_->WaitWritable([this] { Write(); });
}

void LastWords::Write() {
  const iovec piece{text_.data(), text_.size()};
  const net::Socket::Result result = socket_->Write({&piece, 1});
  if (result.kind == net::Socket::Result::kError) {
    Done();
    return;
  }
  if (result.kind == net::Socket::Result::kOk) text_.erase(0, result.bytes);
  if (!text_.empty()) {
    socket_->WaitWritable([this] { Write(); });
    return;
  }
  socket_->ShutdownWrite();
  Drain();
}

void LastWords::Drain() {
  // One read a turn: a peer that sends without end must not hold the loop.
  std::array<uint8_t, 16 * 1024> rest;
  const net::Socket::Result result = socket_->Read(rest);
  drained_ += result.bytes;
  const bool more =
      result.kind == net::Socket::Result::kOk || result.kind == net::Socket::Result::kWouldBlock;
  if (more && drained_ < kMostDrained) {
    socket_->WaitReadable([this] { Drain(); });
  } else {
    Done();
  }
}

void LastWords::Done() {
  socket_->Close();
  base::Closure done = std::move(done_);
  done();
}

}  // namespace hawser::hub
