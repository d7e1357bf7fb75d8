// A tunnelled TCP connection as a blocking byte stream, or as a plain file descriptor.
//
//   absl::StatusOr<Stream> stream = dialer->Dial("web.default.svc.paris:80");
//   stream->Write("GET / HTTP/1.0\r\n\r\n");
//   std::array<char, 4096> space;
//   while (absl::StatusOr<size_t> read = stream->Read(space); read.ok() && *read > 0) ...
//
// Behind it is one end of a Unix socket pair; the dialer's thread moves bytes between the other
// end and the tunnel. So poll(), other event loops and libraries that want a socket work with it,
// and what is not read fills the kernel's buffers, then the tunnel's window, then stops the target.
//
// Threads: one may read while another writes; Close() and ReleaseFd() need both to be done.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/tunnel/failure.h"

namespace hawser::client {

// Why a tunnel broke: written by the dialer's thread, before the stream's end becomes readable.
class TunnelOutcome {
 public:
  void Fail(const tunnel::Failure& failure) {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
  }
  std::optional<tunnel::Failure> failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<tunnel::Failure> failure_;  // guarded by mutex_
};

class Stream {
 public:
  // Takes ownership of `fd`, a blocking stream socket.
  Stream(int fd, std::string address, std::shared_ptr<const TunnelOutcome> outcome);
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  // Blocks until there is something; 0: the target finished sending. Errors as in dial_error.h.
  absl::StatusOr<size_t> Read(std::span<char> space);
  // Blocks until all bytes are taken.
  absl::Status Write(std::string_view bytes);
  // The target sees the end of our bytes; reading goes on.
  absl::Status CloseWrite();
  // Ends the connection. Bytes that were written are still sent to the target.
  void Close();

  // For poll() and socket options; -1 after Close() or ReleaseFd().
  int fd() const { return fd_; }
  // Hands the descriptor over: the caller closes it. A tunnel that breaks looks like one that ends
  // there, unless failure() is asked.
  int ReleaseFd();
  // Why the tunnel broke; nothing while it works and after an orderly end. Works after ReleaseFd().
  std::optional<tunnel::Failure> failure() const { return outcome_->failure(); }
  // What was dialled.
  const std::string& address() const { return address_; }

 private:
  // The tunnel's failure when there is one, the system's `error` otherwise.
  absl::Status ErrorOf(const char* what, int error) const;

  int fd_;
  std::string address_;
  std::shared_ptr<const TunnelOutcome> outcome_;
};

}  // namespace hawser::client
