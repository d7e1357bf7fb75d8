#include "lib/net/tls_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/socket_address.h"

namespace hawser::net {
namespace {

// Plaintext taken by one Write(), bytes.
constexpr size_t kMaxWrite = 512 * 1024;
// Bytes in the kernel that were not sent yet; more would only be latency for what comes next.
constexpr int kNotSentLowWater = 256 * 1024;

// A BIO that appends to a ScratchBuffer: ciphertext of one call is sent together.
BIO_METHOD* ScratchBioMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "scratch");
    BIO_meth_set_write(m, [](BIO* bio, const char* bytes, int count) {
      static_cast<ScratchBuffer*>(BIO_get_data(bio))->Append(bytes, static_cast<size_t>(count));
      return count;
    });
    BIO_meth_set_ctrl(m, [](BIO*, int command, long, void*) -> long {
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    BIO_meth_set_create(m, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    return m;
  }();
  return method;
}

}  // namespace

TlsSocket::TlsSocket(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                     const std::string& server_name)
    : watch_(std::make_shared<DescriptorWatch>(loop, fd)),
      context_(std::move(context)),
      server_name_(server_name),
      ssl_(SSL_new(context_->get())) {
  peer_.address = PeerAddress(fd);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentLowWater, sizeof kNotSentLowWater);
  BIO* out = BIO_new(ScratchBioMethod());
  BIO_set_data(out, &loop.ciphertext());
  SSL_set_bio(ssl_, BIO_new_socket(fd, BIO_NOCLOSE), out);
  if (context_->server()) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), server_name_.c_str()) != 1) {
    SSL_set_tlsext_host_name(ssl_, server_name_.c_str());
    SSL_set1_host(ssl_, server_name_.c_str());
  }
  context_->NameSessions(ssl_, server_name_);
  if (SSL_SESSION* session = context_->TakeSession(server_name_)) {
    SSL_set_session(ssl_, session);
    SSL_SESSION_free(session);
  }
}

TlsSocket::~TlsSocket() {
  Close();
  if (detached_ >= 0) ::close(detached_);
  SSL_free(ssl_);
}

TlsSocket::Handshake TlsSocket::ContinueHandshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  SendCiphertext();
  if (result == 1) {
    ReadPeer();
    return Handshake::kDone;
  }
  if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return Handshake::kWantRead;
  const long verdict = SSL_get_verify_result(ssl_);
  std::string why = TakeTlsError();
  if (verdict != X509_V_OK) why += std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  error_ = absl::UnauthenticatedError("tls handshake with " + peer_.address + ": " + why);
  return Handshake::kFailed;
}

void TlsSocket::ReadPeer() {
  peer_.certificate = {SSL_get1_peer_certificate(ssl_), X509_free};
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  peer_.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  peer_.resumed = SSL_session_reused(ssl_) == 1;
}

Socket::Result TlsSocket::Read(std::span<uint8_t> space) {
  if (!open()) return {Result::kError};
  size_t done = 0;
  Result stop{Result::kOk};
  while (done < space.size() && stop.kind == Result::kOk) {
    if (ended_) {
      stop = {Result::kEnd};
      break;
    }
    ERR_clear_error();
    const int count = SSL_read(ssl_, space.data() + done,
                               static_cast<int>(std::min<size_t>(space.size() - done, 1 << 30)));
    if (count > 0) {
      done += static_cast<size_t>(count);
    } else {
      stop = Classify(count);
    }
  }
  records_buffered_ = stop.kind == Result::kOk;
  SendCiphertext();  // key updates, alerts
  if (done > 0) {
    // An end or error is reported by the next call, which must therefore come.
    if (stop.kind == Result::kEnd || stop.kind == Result::kError) records_buffered_ = true;
    return {Result::kOk, done};
  }
  return stop;
}

Socket::Result TlsSocket::Classify(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {Result::kWouldBlock};
    case SSL_ERROR_ZERO_RETURN: ended_ = true; return {Result::kEnd};
    case SSL_ERROR_SYSCALL: {
      const int error = errno;
      if (error == 0) {
        ended_ = true;
        return {Result::kEnd};
      }
      Fail(base::ErrnoStatus(error, "connection with " + peer_.address));
      return {Result::kError};
    }
    default:
      // A peer that closes without close_notify: the protocols above say what is missing.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        ended_ = true;
        return {Result::kEnd};
      }
      Fail(absl::UnavailableError("tls with " + peer_.address + ": " + TakeTlsError()));
      return {Result::kError};
  }
}

Socket::Result TlsSocket::Write(std::span<const iovec> bytes) {
  if (!error_.ok() || !open()) return {Result::kError};
  if (!unsent_.empty()) return {Result::kWouldBlock};
  size_t done = 0;
  for (const iovec& piece : bytes) {
    const auto* at = static_cast<const uint8_t*>(piece.iov_base);
    size_t left = piece.iov_len;
    while (left > 0) {
      ERR_clear_error();
      const int count = SSL_write(ssl_, at, static_cast<int>(std::min<size_t>(left, kMaxWrite)));
      if (count <= 0) {
        Fail(absl::UnavailableError("tls with " + peer_.address + ": " + TakeTlsError()));
        return {Result::kError};
      }
      at += count;
      left -= static_cast<size_t>(count);
      done += static_cast<size_t>(count);
    }
    if (done >= kMaxWrite) break;
  }
  SendCiphertext();
  if (!error_.ok()) return {Result::kError};
  return {Result::kOk, done};
}

void TlsSocket::SendCiphertext() {
  ScratchBuffer& scratch = loop().ciphertext();
  std::span<const uint8_t> left = scratch.bytes();
  while (!left.empty() && unsent_.empty() && error_.ok()) {
    const ssize_t count = ::send(fd(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count > 0) {
      left = left.subspan(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      Fail(base::ErrnoStatus(errno, "write to " + peer_.address));
    }
  }
  if (!left.empty() && error_.ok()) {
    unsent_.Append(left);
    SendUnsent();
  }
  scratch.Clear();
}

// Goes on by itself until everything accepted is out.
void TlsSocket::SendUnsent() {
  while (!unsent_.empty() && error_.ok()) {
    iovec pieces[16];
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = unsent_.Peek(pieces);
    const ssize_t count = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
    if (count > 0) {
      unsent_.Consume(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      if (!std::exchange(flushing_, true)) {
        watch_->WaitWritable([this] {
          flushing_ = false;
          SendUnsent();
          if (unsent_.empty()) FinishWriting();
        });
      }
      return;
    } else if (errno != EINTR) {
      Fail(base::ErrnoStatus(errno, "write to " + peer_.address));
    }
  }
}

void TlsSocket::FinishWriting() {
  if (std::exchange(shutdown_wanted_, false)) ::shutdown(fd(), SHUT_WR);
  if (!writable_) return;
  base::Closure callback = std::exchange(writable_, nullptr);
  callback();  // may destroy this
}

void TlsSocket::Fail(const absl::Status& status) {
  if (error_.ok()) error_ = status;
  unsent_.Clear();
}

void TlsSocket::WaitReadable(base::Closure callback) {
  // Records in OpenSSL's buffer never make the descriptor readable.
  if (records_buffered_) {
    watch_->SignalReadable(std::move(callback));
  } else {
    watch_->WaitReadable(std::move(callback));
  }
}

void TlsSocket::WaitWritable(base::Closure callback) {
  if (flushing_) {
    writable_ = std::move(callback);
  } else {
    watch_->WaitWritable(std::move(callback));
  }
}

void TlsSocket::ShutdownWrite() {
  if (!open() || !error_.ok() || (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  SendCiphertext();
  shutdown_wanted_ = true;
  if (unsent_.empty()) FinishWriting();
}

void TlsSocket::Close() {
  // Without this OpenSSL takes the session for broken, and it could not be resumed.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  watch_->Close();
  unsent_.Clear();
  writable_ = nullptr;
}

void TlsSocket::Abort() {
  if (!open()) return;
  const linger reset{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  Close();
}

bool TlsSocket::HungUp() const {
  if (!open()) return true;
  pollfd descriptor{fd(), 0, 0};
  return ::poll(&descriptor, 1, 0) == 1 && (descriptor.revents & (POLLHUP | POLLERR)) != 0;
}

void TlsSocket::Detach() {
  flushing_ = false;
  detached_ = watch_->Release();
}

void TlsSocket::Attach(EventLoop& loop) {
  watch_ = std::make_shared<DescriptorWatch>(loop, std::exchange(detached_, -1));
  BIO_set_data(SSL_get_wbio(ssl_), &loop.ciphertext());
  SendUnsent();
}

}  // namespace hawser::net
