// One connection of the target server: a small HTTP/1.1 on a non-blocking socket.
//
//   GET  /bytes/N    N bytes of the pattern                 (curl can ask for it)
//   GET  /sha256/N   the SHA-256 of these bytes
//   GET  /endless    the pattern without end
//   PUT  /sha256     takes a body, answers its SHA-256
//   PUT  /discard    takes bytes until the client goes away
//   POST /echo       sends back every byte that follows
//   GET  /stats      "received N\nendless N\n": bytes taken by /discard, given to /endless
#pragma once

#include <openssl/evp.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/sockets.h"

namespace hawser::bench {

// Of all connections of the process; any thread.
struct TargetStats {
  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> endless{0};
};

class TargetConnection {
 public:
  TargetConnection(Fd fd, TargetStats& stats) : fd_(std::move(fd)), stats_(stats) {}

  int fd() const { return fd_.get(); }
  // Whether the connection waits for room to send, instead of bytes to read.
  bool wants_to_send() const { return !out_.empty() || to_send_ > 0; }
  // Sends or receives what the socket takes or has. False when the connection is over.
  bool Advance();

 private:
  using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

  enum class Body { kNone, kHashed, kDiscarded, kEchoed };

  bool Send();
  bool Receive();
  void Take(std::string_view bytes);
  void TakeHashed(std::string_view bytes);
  void StartRequest(const std::string& head);
  void StartSending(uint64_t size, const std::string& length_header);
  void Answer(const std::string& text);

  Fd fd_;
  TargetStats& stats_;
  std::string head_;         // what there is of the request's head
  Body body_ = Body::kNone;  // what happens to the bytes after it
  uint64_t to_receive_ = 0;  // bytes of a hashed body
  Digest digest_{nullptr, &EVP_MD_CTX_free};
  std::string out_;       // answers and echoes the socket has not taken
  uint64_t to_send_ = 0;  // bytes of the pattern after `out_`
  uint64_t sent_ = 0;
  bool endless_ = false;
};

}  // namespace hawser::bench
