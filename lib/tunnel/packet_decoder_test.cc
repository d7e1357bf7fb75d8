#include "lib/tunnel/packet_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "lib/testing/status_matchers.h"
#include "lib/tunnel/data_header.h"
#include "proto/hawser.pb.h"

namespace hawser::tunnel {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

class Recorder : public PacketDecoder::Sink {
 public:
  absl::Status OnPacket(const wire::Packet& packet) override {
    packets.push_back(packet);
    return absl::OkStatus();
  }
  absl::Status OnData(int64_t id, std::span<const uint8_t> bytes, bool) override {
    last_id = id;
    data.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    ++pieces;
    return absl::OkStatus();
  }
  std::vector<wire::Packet> packets;
  std::string data;
  int64_t last_id = -1;
  int pieces = 0;
};

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string DataMessage(int64_t id, const std::string& payload) {
  wire::Packet packet;
  packet.set_type(wire::DATA);
  packet.mutable_data()->set_connect_id(id);
  packet.mutable_data()->set_data(payload);
  return packet.SerializeAsString();
}

TEST(DataHeader, EqualsProtobufsEncoding) {
  for (const int64_t id : {int64_t{1}, int64_t{127}, int64_t{128}, int64_t{1} << 40,
                           std::numeric_limits<int64_t>::max()}) {
    for (const size_t size : {1u, 100u, 127u, 128u, 16383u, 16384u, 65000u}) {
      const std::string payload(size, 'x');
      const DataHeader header(id, size);
      const std::string ours(reinterpret_cast<const char*>(header.bytes().data()),
                             header.bytes().size());
      EXPECT_EQ(ours + payload, DataMessage(id, payload)) << id << " " << size;
      EXPECT_EQ(DataHeader::Size(id, size), ours.size());
    }
  }
}

TEST(PacketDecoder, DataIsHandedOnPieceByPieceWhereverItIsCut) {
  const std::string payload = "some bytes for the target";
  const std::string message = DataMessage(300, payload);
  for (size_t cut = 0; cut <= message.size(); ++cut) {
    Recorder recorder;
    PacketDecoder decoder(recorder);
    ASSERT_THAT(decoder.Start(message.size()), IsOk());
    ASSERT_THAT(decoder.Feed(Bytes(message.substr(0, cut))), IsOk());
    ASSERT_THAT(decoder.Feed(Bytes(message.substr(cut))), IsOk());
    EXPECT_EQ(recorder.data, payload) << cut;
    EXPECT_EQ(recorder.last_id, 300);
  }
}

TEST(PacketDecoder, ByteByByte) {
  Recorder recorder;
  PacketDecoder decoder(recorder);
  wire::Packet dial;
  dial.mutable_dial_request()->set_address("web.default.svc.paris:80");
  dial.mutable_dial_request()->set_random(77);
  for (const std::string& message : {DataMessage(5, "abc"), dial.SerializeAsString()}) {
    ASSERT_THAT(decoder.Start(message.size()), IsOk());
    for (const char c : message) ASSERT_THAT(decoder.Feed(Bytes(std::string(1, c))), IsOk());
  }
  EXPECT_EQ(recorder.data, "abc");
  ASSERT_EQ(recorder.packets.size(), 1u);
  EXPECT_EQ(recorder.packets[0].dial_request().address(), "web.default.svc.paris:80");
}

TEST(PacketDecoder, OtherEncodingsOfDataAreUnderstood) {
  // data before connect_id, as a legal if unusual encoder may write it.
  const std::string message(
      "\x08\x04\x22\x07\x1a\x03"
      "abc\x08\x09",
      11);
  Recorder recorder;
  PacketDecoder decoder(recorder);
  ASSERT_THAT(decoder.Start(message.size()), IsOk());
  ASSERT_THAT(decoder.Feed(Bytes(message)), IsOk());
  EXPECT_EQ(recorder.data, "abc");
  EXPECT_EQ(recorder.last_id, 9);
}

TEST(PacketDecoder, EmptyMessageIsAPacketOfDefaults) {
  Recorder recorder;
  PacketDecoder decoder(recorder);
  ASSERT_THAT(decoder.Start(0), IsOk());
  ASSERT_EQ(recorder.packets.size(), 1u);
  EXPECT_EQ(recorder.packets[0].type(), wire::DIAL_REQ);
}

TEST(PacketDecoder, Refuses) {
  Recorder recorder;
  PacketDecoder garbage(recorder);
  ASSERT_THAT(garbage.Start(4), IsOk());
  EXPECT_THAT(garbage.Feed(Bytes("\xff\xff\xff\xff")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a valid protobuf")));

  PacketDecoder large(recorder);
  ASSERT_THAT(large.Start(PacketDecoder::kMaxWhole + 1), IsOk());
  EXPECT_THAT(large.Feed(Bytes("\x10")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too many for a control")));

  PacketDecoder surplus(recorder);
  const std::string message = DataMessage(1, "x");
  ASSERT_THAT(surplus.Start(message.size()), IsOk());
  EXPECT_THAT(surplus.Feed(Bytes(message + "y")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more bytes")));

  PacketDecoder nested(recorder);
  ASSERT_THAT(nested.Start(10), IsOk());
  EXPECT_THAT(nested.Start(10),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("inside another")));
}

TEST(PacketDecoder, LengthsThatLieAreNotTrusted) {
  // data length larger than the message, and one that would overflow.
  for (const std::string& message :
       {std::string("\x08\x04\x22\x05\x08\x01\x1a\x7f"
                    "a",
                    9),
        std::string("\x08\x04\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13)}) {
    Recorder recorder;
    PacketDecoder decoder(recorder);
    ASSERT_THAT(decoder.Start(message.size()), IsOk());
    EXPECT_FALSE(decoder.Feed(Bytes(message)).ok());
    EXPECT_EQ(recorder.data, "");
  }
}

}  // namespace
}  // namespace hawser::tunnel
