// TLS over one descriptor: see socket.h for the contract. Made by TlsAccept() and TlsConnect().
//
// Decrypts straight into the caller's memory, many records per system call; encrypts all that is
// written in one call into the loop's scratch and sends it with one system call.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/net/byte_queue.h"
#include "lib/net/descriptor_watch.h"
#include "lib/net/socket.h"
#include "lib/net/tls_context.h"

namespace hawser::net {

class TlsSocket final : public Socket {
 public:
  enum class Handshake { kDone, kWantRead, kFailed };

  // Client: `server_name` is a DNS name or an IP address that the server's certificate must carry.
  TlsSocket(EventLoop& loop, int fd, std::shared_ptr<TlsContext> context,
            const std::string& server_name);
  ~TlsSocket() override;

  // Goes on with the handshake; after kWantRead, call again after WaitFirstReadable().
  Handshake ContinueHandshake();
  // As WaitReadable(), for the handshake: waits for the descriptor alone.
  void WaitFirstReadable(base::Closure callback) { watch_->WaitReadable(std::move(callback)); }

  Result Read(std::span<uint8_t> space) override;
  Result Write(std::span<const iovec> bytes) override;
  bool written() const override { return unsent_.empty(); }
  void WaitReadable(base::Closure callback) override;
  void WaitWritable(base::Closure callback) override;
  void ShutdownWrite() override;
  void Close() override;
  void Abort() override;
  bool open() const override { return watch_->open(); }
  bool HungUp() const override;
  absl::Status error() const override { return error_; }
  int fd() const override { return watch_->fd(); }
  EventLoop& loop() override { return watch_->loop(); }
  const PeerInfo& peer() const override { return peer_; }

 protected:
  void Detach() override;
  void Attach(EventLoop& loop) override;

 private:
  // Sends what was encrypted in this call; keeps what the kernel does not take.
  void SendCiphertext();
  void SendUnsent();
  void FinishWriting();
  // The end or error that an unsuccessful OpenSSL call stands for.
  Result Classify(int result);
  void Fail(const absl::Status& status);
  void ReadPeer();

  std::shared_ptr<DescriptorWatch> watch_;
  const std::shared_ptr<TlsContext> context_;
  const std::string server_name_;
  SSL* ssl_;
  PeerInfo peer_;
  ByteQueue unsent_;  // ciphertext
  base::Closure writable_;
  bool flushing_ = false;         // a wait for writability is pending
  bool records_buffered_ = true;  // OpenSSL may hold whole records that nobody read yet
  bool ended_ = false;            // the peer finished sending
  bool shutdown_wanted_ = false;  // FIN follows `unsent_`
  int detached_ = -1;
  absl::Status error_;
};

}  // namespace hawser::net
