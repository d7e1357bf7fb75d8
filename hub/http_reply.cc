#include "hub/http_reply.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hawser::hub {
namespace {

constexpr base::Duration kLastWordsLimit = std::chrono::seconds(2);
constexpr size_t kMostDrained = 256 * 1024;

// Longest text in a status line, bytes.
constexpr size_t kMaxPhrase = 256;

// The status line says why, in printable ASCII: it is all that Go programs (kubectl) and curl show
// of a refused CONNECT.
std::string Reply(int status, const std::string& phrase, const std::string& headers,
                  const std::string& text) {
  return absl::StrCat("HTTP/1.1 ", status, " ", tunnel::WireText(phrase.substr(0, kMaxPhrase)),
                      "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ",
                      text.size() + 1, "\r\nConnection: close\r\n", headers, "\r\n", text, "\n");
}

}  // namespace

std::string HttpReply(int status, const std::string& text) {
  return Reply(status, text, status == 405 ? "Allow: CONNECT\r\n" : "", text);
}

std::string HttpReply(const tunnel::Failure& failure) {
  const std::string reason = tunnel::ReasonName(failure.reason);
  const std::string hop = tunnel::HopName(failure.hop);
  const std::string text = tunnel::WireText(failure.text);
  // The peers' text is cut, not what follows it.
  const std::string why = absl::StrCat(" (", reason, " at the ", hop, ")");
  return Reply(tunnel::HttpStatus(failure.reason), text.substr(0, kMaxPhrase - why.size()) + why,
               absl::StrCat("Hawser-Reason: ", reason, "\r\nHawser-Hop: ", hop, "\r\n"), text);
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
