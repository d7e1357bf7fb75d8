#include "lib/net/tls_socket.h"

#include <glog/logging.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/status.h"
#include "lib/net/socket_address.h"
#include "lib/net/tls_error.h"

namespace hawser::net {
namespace {

// Plaintext in a full TLS record, bytes.
constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
// Plaintext taken by one Write(), bytes: bounds the loop's scratch and what may wait for the
// kernel.
constexpr size_t kMaxWrite = 512 * 1024;
// Records of one read turn come with one system call.
constexpr size_t kReadAhead = 128 * 1024;
// Records that one read decrypts at most: of tiny ones there are thousands in what a read asks for.
constexpr int kRecordsPerRead = 64;
// Messages of TLS that a peer may send beside its data (tickets, key updates, warnings), some at
// once and some for each so many bytes of data. Each takes as long as encrypting much data.
constexpr uint64_t kMessagesAtOnce = 256;
constexpr uint64_t kBytesForOneMore = 64 * 1024;
// How often the rate of a link that takes no more is looked at.
constexpr base::Duration kPaceInterval = std::chrono::milliseconds(10);
// How often a link is offered bytes whose buffer is too small for what is on its way.
constexpr base::Duration kRetry = std::chrono::milliseconds(2);
// And one whose kernel has no memory for it.
constexpr base::Duration kVainRetry = std::chrono::milliseconds(10);

void SetLowWater(int fd, size_t bytes) {
  const int value = static_cast<int>(bytes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
}

// A BIO that appends to the loop's scratch: what one call encrypts is sent together.
BIO_METHOD* ScratchBio() {
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

// `host`: a final dot is for DNS alone (RFC 6066, section 3).
void SetExpectedName(SSL* ssl, const std::string& host) {
  const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  CHECK(!name.empty());  // to OpenSSL that is no check
  X509_VERIFY_PARAM* const check = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(
      check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(check, name.c_str()) == 1) return;
  SSL_set_tlsext_host_name(ssl, name.c_str());
  CHECK_EQ(X509_VERIFY_PARAM_set1_host(check, name.c_str(), name.size()), 1);
}

}  // namespace

TlsSocket::TlsSocket(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
                     const std::string& server_name)
    : watch_(loop, fd),
      context_(std::move(context)),
      server_name_(server_name),
      ssl_(CHECK_NOTNULL(SSL_new(context_->get()))) {
  peer_.address = PeerAddress(fd);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SetLowWater(fd, pace_.low_water());
  BIO* const out = BIO_new(ScratchBio());
  BIO_set_data(out, &loop.ciphertext());
  BIO* const in = BIO_new_socket(fd, BIO_NOCLOSE);
  SSL_set_bio(ssl_, in, out);
  if (context_->server()) {
    SSL_set_accept_state(ssl_);
    LimitHello(in);
    return;
  }
  SSL_set_connect_state(ssl_);
  SetExpectedName(ssl_, server_name_);
  context_->NameSessions(ssl_, server_name_);
  if (const SslSession session = context_->TakeSession(server_name_))
    SSL_set_session(ssl_, session.get());
}

TlsSocket::~TlsSocket() {
  Close();
  SSL_free(ssl_);
}

void TlsSocket::LimitHello(BIO* in) {
  hello_limit_ = std::make_unique<HelloLimit>();
  BIO_set_callback_arg(in, reinterpret_cast<char*>(this));
  BIO_set_callback_ex(
      in,
      [](BIO* bio, int operation, const char* bytes, size_t, int, long, int result,
         size_t* count) -> long {
        if (operation != (BIO_CB_READ | BIO_CB_RETURN) || result <= 0) return result;
        auto* const self = reinterpret_cast<TlsSocket*>(BIO_get_callback_arg(bio));
        return self->AllowsHello({reinterpret_cast<const uint8_t*>(bytes), *count}) ? result : -1;
      });
}

bool TlsSocket::AllowsHello(std::span<const uint8_t> bytes) {
  const HelloLimit::Agreed agreed = !answered_ ? HelloLimit::Agreed::kNothing
                                    : SSL_version(ssl_) == TLS1_3_VERSION
                                        ? HelloLimit::Agreed::kTls13
                                        : HelloLimit::Agreed::kOlder;
  return hello_limit_->Allows(bytes, agreed);
}

TlsSocket::Handshake TlsSocket::ContinueHandshake() {
  ERR_clear_error();
  errno = 0;
  const int error = SSL_get_error(ssl_, SSL_do_handshake(ssl_));
  absl::Status status;
  if (hello_limit_ != nullptr && hello_limit_->refused()) {
    status = absl::UnavailableError("tls handshake with " + peer_.address +
                                    ": its first message is too long");
  } else if (error == SSL_ERROR_NONE) {
    BIO_set_callback_ex(SSL_get_rbio(ssl_), nullptr);
    hello_limit_.reset();
    status = ReadPeer();
    LimitMessages();
  } else if (error != SSL_ERROR_WANT_READ) {
    status = StatusOfCall(error, "tls handshake with " + peer_.address);
  }
  answered_ = answered_ || !watch_.loop().ciphertext().empty();
  SendCiphertext();
  if (!status.ok()) {
    error_ = status;
    return Handshake::kFailed;
  }
  if (error == SSL_ERROR_WANT_READ) return Handshake::kWantRead;
  unread_ = SSL_has_pending(ssl_) == 1;
  return Handshake::kDone;
}

// OpenSSL tells of each step of its handshakes, later ones included, and of alerts: some for a
// message. It goes through all that has arrived before a read returns.
void TlsSocket::LimitMessages() {
  SSL_set_app_data(ssl_, this);
  SSL_set_info_callback(ssl_, [](const SSL* ssl, int, int) {
    static_cast<TlsSocket*>(SSL_get_app_data(ssl))->OnMessage();
  });
}

void TlsSocket::OnMessage() {
  if (++messages_ <= kMessagesAtOnce + bytes_read_ / kBytesForOneMore) return;
  // Makes it throw away what follows.
  SSL_set_shutdown(ssl_, SSL_get_shutdown(ssl_) | SSL_RECEIVED_SHUTDOWN);
  read_failed_ = true;
  if (error_.ok())
    error_ = absl::ResourceExhaustedError("tls connection with " + peer_.address +
                                          ": too many messages beside data");
}

absl::Status TlsSocket::ReadPeer() {
  peer_.certificate = {SSL_get1_peer_certificate(ssl_), X509_free};
  if (STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_); chain != nullptr)
    peer_.chain = {X509_chain_up_ref(chain),
                   [](STACK_OF(X509) * list) { sk_X509_pop_free(list, X509_free); }};
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  peer_.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  peer_.resumed = SSL_session_reused(ssl_) == 1;
  peer_.authorities = context_->authorities();
  const std::string what = "tls handshake with " + peer_.address + ": ";
  if (context_->require_alpn() && peer_.alpn.empty())
    return absl::UnavailableError(what + "the peer agreed on no application protocol");
  // OpenSSL verified it when the session began, not now.
  if (peer_.resumed && peer_.certificate != nullptr &&
      X509_cmp_current_time(X509_get0_notAfter(peer_.certificate.get())) < 0)
    return absl::UnauthenticatedError(what + "the certificate of the resumed session has expired");
  return absl::OkStatus();
}

absl::Status TlsSocket::StatusOfCall(int error, const std::string& what) const {
  if (error == SSL_ERROR_SYSCALL && errno != 0) return base::ErrnoStatus(errno, what);
  if (error != SSL_ERROR_SSL) return absl::UnavailableError(what + ": closed by the peer");
  const absl::Status status = TakeTlsError(what);
  const long verdict = SSL_get_verify_result(ssl_);
  if (verdict == X509_V_OK) return status;
  return absl::Status(status.code(), std::string(status.message()) + " (" +
                                         X509_verify_cert_error_string(verdict) + ")");
}

Socket::Result TlsSocket::Read(std::span<uint8_t> space) {
  if (!open() || read_failed_) return {Result::kError};
  ERR_clear_error();
  errno = 0;
  Result result{Result::kOk};
  size_t done = 0;
  for (int records = 0;
       done < space.size() && result.kind == Result::kOk && records < kRecordsPerRead; ++records) {
    // Not more than there is space for, but for the rest of a record: what lies in OpenSSL's buffer
    // while nobody reads is memory that no share counts.
    const size_t left = space.size() - done;
    SSL_set_default_read_buffer_len(ssl_, std::min(kReadAhead, left));
    size_t count = 0;
    if (SSL_read_ex(ssl_, space.data() + done, space.size() - done, &count) == 1) {
      done += count;
      bytes_read_ += count;
    } else {
      result = EndOfRead(SSL_get_error(ssl_, 0));
    }
  }
  SendCiphertext();
  // Whole records in OpenSSL's buffer, and an end or error behind the bytes that are returned now,
  // never make the descriptor readable again.
  unread_ =
      result.kind == Result::kOk ? SSL_has_pending(ssl_) == 1 : result.kind != Result::kWouldBlock;
  if (done > 0) return {Result::kOk, done};
  return result;
}

Socket::Result TlsSocket::EndOfRead(int error) {
  if (read_failed_) return {Result::kError};
  if (error == SSL_ERROR_WANT_READ) return {Result::kWouldBlock};
  if (error == SSL_ERROR_ZERO_RETURN) {
    // OpenSSL tells both ends alike; after a close_notify it does not read on.
    cut_ = cut_ || BIO_eof(SSL_get_rbio(ssl_)) == 1;
    if (!cut_ || !WithinRecord()) return {Result::kEnd};
    // Its sender died while it wrote: what came must not pass for all that it had to say.
    if (error_.ok())
      error_ = absl::UnavailableError("tls connection with " + peer_.address +
                                      ": ended within a record");
    read_failed_ = true;
    return {Result::kError};
  }
  const absl::Status status = StatusOfCall(error, "tls connection with " + peer_.address);
  if (error_.ok()) error_ = status;
  read_failed_ = true;
  return {Result::kError};
}

bool TlsSocket::WithinRecord() const {
  return SSL_has_pending(ssl_) == 1 || std::strcmp(SSL_rstate_string(ssl_), "RB") == 0;
}

Socket::Result TlsSocket::Write(std::span<const iovec> bytes) {
  if (!open() || write_failed_ || shutting_down_) return {Result::kError};
  if (!unsent_.empty()) return {Result::kWouldBlock};
  ERR_clear_error();
  const std::optional<size_t> taken = Encrypt(bytes);
  if (!taken) WriteFailed(TakeTlsError("write to " + peer_.address));
  SendCiphertext();
  if (write_failed_) return {Result::kError};
  return {Result::kOk, *taken};
}

// Full records, however the bytes are cut into pieces: only what is smaller than a record, or is
// left over at the end of a piece, is copied together.
std::optional<size_t> TlsSocket::Encrypt(std::span<const iovec> bytes) {
  uint8_t record[kRecord];
  size_t filled = 0;
  size_t taken = 0;
  for (const iovec& piece : bytes) {
    std::span<const uint8_t> left{static_cast<const uint8_t*>(piece.iov_base),
                                  std::min(piece.iov_len, kMaxWrite - taken)};
    taken += left.size();
    if (filled > 0) {
      const size_t take = std::min(left.size(), kRecord - filled);
      std::memcpy(record + filled, left.data(), take);
      filled += take;
      left = left.subspan(take);
      if (filled < kRecord) continue;
      if (!EncryptRecords(record)) return std::nullopt;
    }
    const bool last = &piece == &bytes.back();
    const size_t direct = last ? left.size() : left.size() / kRecord * kRecord;
    if (!EncryptRecords(left.first(direct))) return std::nullopt;
    filled = left.size() - direct;
    if (filled > 0) std::memcpy(record, left.data() + direct, filled);
  }
  if (!EncryptRecords({record, filled})) return std::nullopt;
  return taken;
}

bool TlsSocket::EncryptRecords(std::span<const uint8_t> bytes) {
  size_t written = 0;
  return bytes.empty() || SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) == 1;
}

void TlsSocket::SendCiphertext() {
  ScratchBuffer& scratch = loop().ciphertext();
  std::span<const uint8_t> left = scratch.bytes();
  if (!left.empty() && unsent_.empty()) {
    const iovec piece{const_cast<uint8_t*>(left.data()), left.size()};
    left = left.subspan(Send({&piece, 1}));
  }
  if (!left.empty() && !write_failed_) {
    const bool flushing = !unsent_.empty();
    unsent_.Append(left);
    if (!flushing) WaitToFlush();
    AdaptPace();
  }
  scratch.Clear();
}

// Returns how many bytes the kernel took.
size_t TlsSocket::Send(std::span<const iovec> bytes) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(bytes.data());
  message.msg_iovlen = bytes.size();
  while (!write_failed_) {
    const ssize_t count = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) WriteFailed(base::ErrnoStatus(errno, "write to " + peer_.address));
  }
  return 0;
}

void TlsSocket::AdaptPace() {
  const base::Time now = loop().Now();
  if (now - paced_at_ < kPaceInterval) return;
  paced_at_ = now;
  const TcpSending sending = ReadTcpSending(fd());
  if (sending.rate > 0 && pace_.OnRate(sending.rate, sending.ran_dry))
    SetLowWater(fd(), pace_.low_water());
  if (shared_) send_buffer_.Observe(fd());
}

void TlsSocket::WaitToFlush() {
  watch_.WaitWritable([this] { Flush(/*said_writable=*/true); });
  if (send_buffer_.exhausted()) FlushIn(kRetry);
}

void TlsSocket::FlushIn(base::Duration delay) {
  if (!retry_.has_value()) retry_.emplace(loop());
  retry_->Set(delay, [this] {
    AdaptPace();  // it may be the peer by now that takes nothing
    Flush(/*said_writable=*/false);
  });
}

void TlsSocket::Flush(bool said_writable) {
  const size_t waiting = unsent_.size();
  while (!unsent_.empty()) {
    iovec pieces[16];
    const size_t sent = Send({pieces, unsent_.Peek(pieces)});
    if (sent == 0) break;
    unsent_.Consume(sent);
  }
  if (!unsent_.empty()) {
    if (said_writable && unsent_.size() == waiting) {
      // It is short of memory, and would say so again at once.
      FlushIn(kVainRetry);
    } else {
      WaitToFlush();
    }
    return;
  }
  if (shutting_down_) ::shutdown(fd(), SHUT_WR);
  if (!writable_) return;
  base::Closure callback = std::exchange(writable_, nullptr);
  callback();  // may destroy this
}

void TlsSocket::WriteFailed(const absl::Status& status) {
  if (error_.ok()) error_ = status;
  write_failed_ = true;
  unsent_.Clear();
}

void TlsSocket::WaitReadable(base::Closure callback) {
  if (unread_) {
    watch_.SignalReadable(std::move(callback));
  } else {
    watch_.WaitReadable(std::move(callback));
  }
}

void TlsSocket::WaitWritable(base::Closure callback) {
  writable_ = std::move(callback);
  WaitToFlush();
}

// What still waits for the kernel is flushed all the same.
void TlsSocket::StopWaiting() {
  watch_.StopWaiting();
  retry_.reset();
  writable_ = nullptr;
  if (!unsent_.empty()) WaitToFlush();
}

Socket::Peer TlsSocket::Look() const {
  if (read_failed_ || write_failed_) return Peer::kReset;
  const Peer peer = watch_.Look();
  // Behind the end there are no bytes, whoever has been told of it.
  const bool ended = (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
  const bool unread = SSL_has_pending(ssl_) == 1 || (unread_ && !ended);
  if (peer == Peer::kGone && open() && unread) return Peer::kLeft;
  return peer == Peer::kThere && cut_ ? Peer::kGone : peer;
}

void TlsSocket::ShutdownWrite() {
  if (!open() || write_failed_ || shutting_down_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  SendCiphertext();
  shutting_down_ = true;
  if (unsent_.empty()) ::shutdown(fd(), SHUT_WR);
}

void TlsSocket::Probe() {
  if (!open() || write_failed_ || shutting_down_ || !unsent_.empty()) return;
  ERR_clear_error();
  if (SSL_new_session_ticket(ssl_) != 1) return;  // a client's, or of an older TLS
  SSL_do_handshake(ssl_);
  SendCiphertext();
}

void TlsSocket::Close() {
  if (!open()) return;
  // The peer shall not take an orderly end for a cut one.
  const bool orderly = error_.ok() && unsent_.empty() && SSL_is_init_finished(ssl_) == 1;
  if (orderly && watch_.attached()) ShutdownWrite();
  // Without this OpenSSL takes the session for broken, and it could not be resumed.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  watch_.Close();
  retry_.reset();
  unsent_.Clear();
  writable_ = nullptr;
}

void TlsSocket::Abort() {
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  watch_.Abort();
  retry_.reset();
  unsent_.Clear();
  writable_ = nullptr;
}

void TlsSocket::Detach() {
  watch_.Detach();
  retry_.reset();
}

void TlsSocket::Attach(EventLoop& loop) {
  watch_.Attach(loop);
  BIO_set_data(SSL_get_wbio(ssl_), &loop.ciphertext());
  if (!unsent_.empty()) WaitToFlush();
}

}  // namespace hawser::net
