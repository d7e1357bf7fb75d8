// What the log of a whole hub says of those who misbehave, and how much of it.
#include "hub/test_hub.h"
#include "lib/testing/log_capture.h"

namespace hawser::hub {
namespace {

using ::testing::HasSubstr;
using testing::LogCapture;
using ::testing::Not;

using HubLogTest = HubTest;

std::string Number(size_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  return Number(payload.size(), 3) + Number(type, 1) + Number(flags, 1) + Number(stream, 4) +
         payload;
}

// A header field in HPACK's plainest form.
std::string Field(const std::string& name, const std::string& value) {
  return Number(0, 1) + Number(name.size(), 1) + name + Number(value.size(), 1) + value;
}

constexpr uint8_t kData = 0, kHeaders = 1, kSettings = 4, kEndHeaders = 4;

std::string Call(uint32_t stream) {
  return Frame(kHeaders, kEndHeaders, stream,
               Field(":method", "POST") + Field(":scheme", "https") +
                   Field(":path", "/ProxyService/Proxy") + Field(":authority", "hub") +
                   Field("te", "trailers") + Field("content-type", "application/grpc"));
}

TEST_F(HubLogTest, ClientsThatBreakTheProtocolLeaveALine) {
  LogCapture log;
  StartHub();
  RawClient ann(PortOf("grpc"), certificates_.Client("ann"), "h2");
  ann.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "") + Call(1));
  // A message that is no packet.
  ann.Send(Frame(kData, 0, 1, Number(0, 1) + Number(3, 4) + "\xff\xff\xff"));
  log.Await("grpc: stream of client/ann ended: packet: not a valid protobuf message");
  EXPECT_THAT(log.text(), Not(HasSubstr("grpc: connection of client/ann")))
      << "its other streams are other people's tunnels";

  RawClient ben(PortOf("grpc"), certificates_.Client("ben"), "h2");
  ben.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "") +
           Frame(kData, 0, 0, "x"));
  log.Await("grpc: connection of client/ben from 127.0.0.1:");
  EXPECT_THAT(log.text(), HasSubstr("peer broke http/2: PROTOCOL_ERROR: DATA: stream_id == 0"));
}

TEST_F(HubLogTest, ASpokeThatComesAndGoesLeavesFewLinesAndACount) {
  LogCapture log;
  StartHub();
  constexpr int kSessions = 60;
  for (int i = 0; i < kSessions; ++i) StartAgent("paris")->Lose();
  EXPECT_TRUE(AwaitMetric("hawser_accepted_agents_total 60"));
  StartAgent("rome");
  log.Await("agent connected: cluster rome");
  const std::string text = log.text();
  size_t lines = 0;
  for (size_t at = 0; (at = text.find("cluster paris", at)) != std::string::npos; ++at) ++lines;
  EXPECT_LT(lines, 2 * kSessions) << "each of them comes and goes";
}

}  // namespace
}  // namespace hawser::hub
