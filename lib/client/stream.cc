#include "lib/client/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/base/status.h"
#include "lib/client/dial_error.h"
#include "lib/net/stop_reading.h"

namespace hawser::client {

Stream::Stream(int fd, std::string address, std::shared_ptr<const TunnelOutcome> outcome)
    : fd_(fd), address_(std::move(address)), outcome_(std::move(outcome)) {}

Stream::Stream(Stream&& other) noexcept
    : fd_(other.ReleaseFd()), address_(other.address_), outcome_(other.outcome_) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = other.ReleaseFd();
  address_ = other.address_;
  outcome_ = other.outcome_;
  return *this;
}

Stream::~Stream() { Close(); }

absl::Status Stream::ErrorOf(const char* what, int error) const {
  if (const auto failed = failure(); failed.has_value()) return DialError(what, address_, *failed);
  return base::ErrnoStatus(error, std::string(what) + " " + address_);
}

absl::StatusOr<size_t> Stream::Read(std::span<char> space) {
  ssize_t bytes;
  do {
    bytes = recv(fd_, space.data(), space.size(), 0);
  } while (bytes < 0 && errno == EINTR);
  if (bytes > 0) return static_cast<size_t>(bytes);
  const int error = errno;
  if (bytes < 0 || failure().has_value()) return ErrorOf("read from", error);
  return 0;
}

absl::Status Stream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EINTR) {
      return ErrorOf("write to", errno);
    }
  }
  return absl::OkStatus();
}

absl::Status Stream::CloseWrite() {
  if (shutdown(fd_, SHUT_WR) != 0) return ErrorOf("close the sending side to", errno);
  return absl::OkStatus();
}

// With bytes unread the tunnel would see a reset, ahead of what was written.
void Stream::Close() {
  const int fd = ReleaseFd();
  if (fd < 0) return;
  net::StopReading(fd);
  close(fd);
}

int Stream::ReleaseFd() { return std::exchange(fd_, -1); }

}  // namespace hawser::client
