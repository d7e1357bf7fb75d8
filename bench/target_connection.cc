#include "bench/target_connection.h"

#include <openssl/sha.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <limits>
#include <random>
#include <stdexcept>

namespace hawser::bench {
namespace {

constexpr size_t kChunk = 256 * 1024;
// A prime, so that chunks in the wrong order change the sum of a transfer.
constexpr size_t kPeriod = 1'000'003;
// Keeps a thousand unread connections from filling the kernel's TCP memory.
constexpr int kEndlessSendBuffer = 128 * 1024;
constexpr size_t kMaxHead = 16 * 1024;
constexpr uint64_t kEndless = std::numeric_limits<uint64_t>::max();

// One period and one chunk, so that a chunk at any offset is contiguous.
const std::string& Pattern() {
  static const std::string pattern = [] {
    std::mt19937 random(1);
    std::string bytes(kPeriod + kChunk, '\0');
    for (size_t i = 0; i < kPeriod; ++i) bytes[i] = static_cast<char>(random());
    std::copy_n(bytes.begin(), kChunk, bytes.begin() + kPeriod);
    return bytes;
  }();
  return pattern;
}

std::string_view PatternAt(uint64_t offset, uint64_t size) {
  return {Pattern().data() + offset % kPeriod, std::min<uint64_t>(size, kChunk)};
}

std::string Hex(EVP_MD_CTX* digest) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
  EVP_DigestFinal_ex(digest, sum.data(), nullptr);
  std::string hex;
  for (const unsigned char byte : sum) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// The number after `prefix` in `text`; the prefix must be there.
uint64_t NumberAfter(std::string_view text, std::string_view prefix) {
  const size_t at = text.find(prefix);
  if (at == std::string_view::npos)
    throw std::runtime_error("request lacks " + std::string(prefix));
  uint64_t number = 0;
  const char* begin = text.data() + at + prefix.size();
  if (std::from_chars(begin, text.data() + text.size(), number).ec != std::errc{}) {
    throw std::runtime_error("no number after " + std::string(prefix));
  }
  return number;
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

bool TargetConnection::Advance() { return wants_to_send() ? Send() : Receive(); }

bool TargetConnection::Send() {
  while (wants_to_send()) {
    const std::string_view bytes = out_.empty() ? PatternAt(sent_, to_send_) : out_;
    const ssize_t sent = send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return WouldBlock();
    if (!out_.empty()) {
      out_.erase(0, sent);
      continue;
    }
    sent_ += sent;
    if (endless_) {
      stats_.endless += sent;
    } else {
      to_send_ -= sent;
    }
    // Others of this thread have their turn; the socket is reported again.
    if (static_cast<size_t>(sent) == kChunk) return true;
  }
  return true;
}

bool TargetConnection::Receive() {
  thread_local std::array<char, kChunk> buffer;
  const ssize_t received = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (received < 0) return WouldBlock();
  if (received == 0) return false;
  Take({buffer.data(), static_cast<size_t>(received)});
  return !wants_to_send() || Send();
}

void TargetConnection::Take(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  switch (body_) {
    case Body::kHashed: return TakeHashed(bytes);
    case Body::kDiscarded: stats_.received += bytes.size(); return;
    case Body::kEchoed: out_ += bytes; return;
    case Body::kNone: break;
  }
  head_ += bytes;
  const size_t end = head_.find(kEnd);
  if (end == std::string::npos) {
    if (head_.size() > kMaxHead) throw std::runtime_error("head too long");
    return;
  }
  const std::string rest = head_.substr(end + kEnd.size());
  head_.resize(end + kEnd.size());
  StartRequest(std::exchange(head_, {}));
  if (!rest.empty()) Take(rest);
}

void TargetConnection::TakeHashed(std::string_view bytes) {
  bytes = bytes.substr(0, to_receive_);
  EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size());
  to_receive_ -= bytes.size();
  if (to_receive_ > 0) return;
  body_ = Body::kNone;
  Answer(Hex(digest_.get()) + "\n");
}

void TargetConnection::StartRequest(const std::string& head) {
  const std::string line = head.substr(0, head.find("\r\n"));
  const auto is = [&line](std::string_view start) {
    return line.compare(0, start.size(), start) == 0;
  };
  if (is("GET /bytes/")) {
    const uint64_t size = NumberAfter(line, "/bytes/");
    StartSending(size, "Content-Length: " + std::to_string(size) + "\r\n");
  } else if (is("GET /endless ")) {
    endless_ = true;
    setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &kEndlessSendBuffer, sizeof kEndlessSendBuffer);
    StartSending(kEndless, "");
  } else if (is("GET /sha256/")) {
    const Digest digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
    for (uint64_t left = NumberAfter(line, "/sha256/"), at = 0; left > 0;) {
      const std::string_view bytes = PatternAt(at, left);
      EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size());
      at += bytes.size();
      left -= bytes.size();
    }
    Answer(Hex(digest.get()) + "\n");
  } else if (is("PUT /sha256 ")) {
    to_receive_ = NumberAfter(head, "Content-Length: ");
    digest_.reset(EVP_MD_CTX_new());
    EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
    body_ = Body::kHashed;
    if (head.find("Expect: 100-continue") != std::string::npos) {
      out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    }
  } else if (is("PUT /discard ")) {
    body_ = Body::kDiscarded;
  } else if (is("POST /echo ")) {
    body_ = Body::kEchoed;
    out_ += "HTTP/1.1 200 OK\r\n\r\n";
  } else if (is("GET /stats ")) {
    Answer("received " + std::to_string(stats_.received) + "\nendless " +
           std::to_string(stats_.endless) + "\n");
  } else {
    throw std::runtime_error("unknown request: " + line);
  }
}

void TargetConnection::StartSending(uint64_t size, const std::string& length_header) {
  sent_ = 0;
  to_send_ = size;
  out_ += "HTTP/1.1 200 OK\r\n" + length_header + "\r\n";
}

void TargetConnection::Answer(const std::string& text) {
  out_ += "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}

}  // namespace hawser::bench
