// TLS over one descriptor: see socket.h for the contract. Made by TlsAccept() and TlsConnect().
//
// Decrypts straight into the caller's memory, many records per system call; encrypts all that is
// written in one call into the loop's scratch and sends it with one system call. OpenSSL's writes
// never fail for lack of room: what the kernel refuses is queued here and flushed without help, so
// that reading (which may write, too: alerts, key updates) never waits for it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lib/net/byte_queue.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/hello_limit.h"
#include "lib/net/socket.h"
#include "lib/net/tcp_sending.h"
#include "lib/net/tls_context.h"
#include "lib/net/write_pace.h"

namespace hawser::net {

class TlsSocket final : public Socket {
 public:
  // Client: `server_name` is a DNS name or an IP address that the server's certificate must carry.
  TlsSocket(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
            const std::string& server_name);
  ~TlsSocket() override;

  enum class Handshake { kDone, kWantRead, kFailed };
  // Goes on with the handshake. kWantRead: call again when the descriptor is readable. kFailed:
  // error() says why. Nothing else may be called before kDone, Close() excepted.
  Handshake ContinueHandshake();
  void WaitHandshakeReadable(base::Closure callback) { watch_.WaitReadable(std::move(callback)); }

  Result Read(std::span<uint8_t> space) override;
  Result Write(std::span<const iovec> bytes) override;
  size_t batch() const override { return pace_.batch(); }
  void ShareAmongMany() override { shared_ = true; }
  size_t unwritten() const override { return unsent_.memory(); }
  void WaitReadable(base::Closure callback) override;
  void WaitWritable(base::Closure callback) override;
  void WaitHangUp(base::Closure callback) override { watch_.WaitHangUp(std::move(callback)); }
  void StopWaiting() override;
  void ShutdownWrite() override;
  void Probe() override;
  void Close() override;
  void Abort() override;
  bool open() const override { return watch_.open(); }
  Peer Look() const override;
  size_t Outstanding() const override { return unsent_.size() + watch_.Outstanding(); }
  absl::Status error() const override { return error_; }
  int fd() const override { return watch_.fd(); }
  EventLoop& loop() override { return watch_.loop(); }
  const PeerInfo& peer() const override { return peer_; }

 protected:
  void Detach() override;
  void Attach(EventLoop& loop) override;

 private:
  // Fills peer_. kUnauthenticated for a resumed session whose certificate has expired since.
  absl::Status ReadPeer();
  // Why OpenSSL failed to do `what`; `error` is what SSL_get_error() said.
  absl::Status StatusOfCall(int error, const std::string& what) const;
  // Looks at what a client sends before OpenSSL does, until its handshake is done.
  void LimitHello(BIO* in);
  bool AllowsHello(std::span<const uint8_t> bytes);
  // Counts what a peer sends beside data once its handshake is done.
  void LimitMessages();
  void OnMessage();
  Result EndOfRead(int error);
  // At the end of what the peer sent: a part of a record came last.
  bool WithinRecord() const;
  // Returns how many bytes were encrypted into the loop's scratch; none when OpenSSL failed.
  std::optional<size_t> Encrypt(std::span<const iovec> bytes);
  bool EncryptRecords(std::span<const uint8_t> bytes);
  // Sends what was encrypted in this call; queues what the kernel does not take.
  void SendCiphertext();
  size_t Send(std::span<const iovec> bytes);
  // The kernel did not take everything: lets less or more wait in it, by its rate.
  void AdaptPace();
  void WaitToFlush();
  void FlushIn(base::Duration delay);
  // `said_writable`: by the kernel, and not asked for without that.
  void Flush(bool said_writable);
  void WriteFailed(const absl::Status& status);

  DescriptorWatch watch_;
  const std::shared_ptr<TlsContext> context_;
  const std::string server_name_;
  SSL* const ssl_;
  PeerInfo peer_;
  std::unique_ptr<HelloLimit> hello_limit_;  // of a client whose handshake is not done
  bool answered_ = false;                    // such a client
  ByteQueue unsent_;                         // ciphertext
  WritePace pace_;
  SendBuffer send_buffer_;            // of a socket that many share
  std::optional<base::Timer> retry_;  // while the kernel is not waited for alone
  base::Time paced_at_;
  base::Closure writable_;
  absl::Status error_;  // the first one
  uint64_t bytes_read_ = 0;
  uint64_t messages_ = 0;  // beside them
  bool shared_ = false;
  bool read_failed_ = false;
  bool write_failed_ = false;
  bool cut_ = false;            // the peer sent FIN without close_notify
  bool shutting_down_ = false;  // close_notify is written; FIN follows `unsent_`
  bool unread_ = false;         // Read() has something to tell that the descriptor will not
};

}  // namespace hawser::net
