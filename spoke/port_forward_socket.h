// A pod's port by way of its API server, as a socket: Kubernetes' port-forward over a WebSocket
// with the protocol "v4.channel.k8s.io" (k8s.io/kubelet,
// pkg/cri/streaming/portforward/websocket.go).
//
// Messages are binary and begin with a channel: 0 carries the port's bytes, 1 what went wrong. The
// first message of each channel is the port, two bytes, little endian. There is no end of one
// direction: a close ends both.
//
// Nothing is buffered while idle. Reading takes the frames apart in the caller's memory; writing
// makes one frame per call and keeps only what the connection did not take of it, as a TlsSocket
// does.
//
// Threads: the loop's; see net::Socket.
#pragma once

#include <memory>
#include <string>

#include "lib/net/byte_queue.h"
#include "lib/net/socket.h"
#include "lib/net/web_socket.h"

namespace hawser::spoke {

class PortForwardSocket final : public net::Socket, private net::WebSocketReader::Sink {
 public:
  static constexpr char kProtocol[] = "v4.channel.k8s.io";

  // `inner` has become a WebSocket, whose first bytes may be in `early`.
  PortForwardSocket(std::unique_ptr<net::Socket> inner, std::string early, uint16_t port);

  // kInvalidArgument for what breaks the protocol, kUnavailable for what the server says is wrong.
  Result Read(std::span<uint8_t> space) override;
  Result Write(std::span<const iovec> bytes) override;
  size_t unwritten() const override { return unsent_.memory() + inner_->unwritten(); }
  void WaitReadable(base::Closure callback) override;
  void WaitWritable(base::Closure callback) override;
  void WaitHangUp(base::Closure callback) override { inner_->WaitHangUp(std::move(callback)); }
  void StopWaiting() override;
  void ShutdownWrite() override;
  void Close() override { inner_->Close(); }
  void Abort() override { inner_->Abort(); }
  bool open() const override { return inner_->open(); }
  Peer Look() const override { return inner_->Look(); }
  size_t Outstanding() const override { return unsent_.size() + inner_->Outstanding(); }
  absl::Status error() const override { return error_.ok() ? inner_->error() : error_; }
  int fd() const override { return inner_->fd(); }
  net::EventLoop& loop() override { return inner_->loop(); }
  const net::PeerInfo& peer() const override { return inner_->peer(); }

 private:
  // WebSocketReader::Sink
  absl::Status OnMessageStart(bool text) override;
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override;
  absl::Status OnMessageEnd() override;
  void OnPing(std::span<const uint8_t> payload) override;
  void OnClose() override { ended_ = true; }

  // It stays on its loop.
  void Detach() override;
  void Attach(net::EventLoop& loop) override;

  Result ReadInner(std::span<uint8_t> space);
  // Off the beginning of the channel that is being read.
  absl::Status TakePort(std::span<const uint8_t>& bytes);
  bool SendUnsent();
  void FlushLater();
  void SendFrame(std::span<const uint8_t> frame);

  const std::unique_ptr<net::Socket> inner_;
  const uint16_t port_;
  std::string early_;
  base::Timer early_turn_;
  net::WebSocketReader reader_;
  size_t port_bytes_[2] = {};  // of the port, by channel, so far
  int channel_ = -1;           // of the message that is being read; -1: not known yet
  uint8_t* output_ = nullptr;  // where the next byte of the port goes, while reading
  std::string complaint_;      // on channel 1
  bool ended_ = false;         // by a close
  bool shut_ = false;          // by us
  net::ByteQueue unsent_;      // frames
  base::Closure writable_;
  absl::Status error_;  // ours
};

}  // namespace hawser::spoke
