// Watches the plain part of what a TLS client sends in a handshake, for a ClientHello that claims
// more bytes than any honest one has: OpenSSL takes memory for 128 KiB as soon as it is announced.
// What is wrong otherwise is for OpenSSL to tell.
//
//   HelloLimit limit;
//   if (!limit.Allows(received, agreed)) ...  // refuse the client, and show OpenSSL nothing of it
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hawser::net {

class HelloLimit {
 public:
  // Bytes of one ClientHello. A resumed session's has its ticket, with the client's certificate.
  static constexpr size_t kMost = 16 * 1024;

  // What was agreed on before the bytes came. A ChangeCipherSpec ends what is plain in older
  // versions only; nobody has a reason to send one before there was an answer.
  enum class Agreed { kNothing, kTls13, kOlder };

  // The next bytes of the stream, whole records or not.
  bool Allows(std::span<const uint8_t> bytes, Agreed agreed);
  bool refused() const { return refused_; }

 private:
  void OnByte(uint8_t byte, Agreed agreed);
  void OnRecordHeader(Agreed agreed);
  void OnHandshakeByte(uint8_t byte);

  static constexpr size_t kRecordHeader = 5;
  static constexpr size_t kMessageHeader = 4;

  uint8_t record_[kRecordHeader] = {};
  size_t record_size_ = 0;   // bytes of the record's header so far
  size_t payload_left_ = 0;  // of the record
  uint8_t message_[kMessageHeader] = {};
  size_t message_size_ = 0;  // bytes of the message's header so far
  size_t message_left_ = 0;  // of its body
  bool refused_ = false;
  bool done_ = false;  // nothing that comes can be a ClientHello
};

}  // namespace hawser::net
