// A call of the control API on the gRPC front end: one request, one list. What waits for whom is
// ControlLists' concern; here are the rules of one stream, on our own HTTP/2.
#pragma once

#include <memory>
#include <string>

#include "hub/control_lists.h"
#include "lib/base/scheduler.h"
#include "lib/net/message_stream.h"
#include "lib/tunnel/memory.h"

namespace hawser::hub {

// Threads: its stream's. Owned by its transport.
class ControlCall final : public net::StreamHandler {
 public:
  // The longest request, bytes; a peer that sends more loses its connection.
  static constexpr size_t kMaxRequest = 4096;
  // How long a call may last, until its answer is taken.
  static constexpr base::Duration kTimeout = std::chrono::seconds(10);

  using Memory = std::shared_ptr<tunnel::MemoryBudget>;

  // Of `identity`, for a method by its path; null when it is not served here. `memory` is charged
  // for the call; it may be null.
  static std::unique_ptr<net::StreamHandler> ForPath(const std::string& path,
                                                     const std::string& identity, Memory memory,
                                                     ControlLists& lists);

  void OnOpen(net::MessageStream& stream, const net::Metadata& headers) override;
  void OnHeaders(const net::Metadata&) override {}
  void Produce(net::MessageBatch& batch) override;
  absl::Status OnMessageStart(size_t size) override;
  absl::Status OnMessageBytes(std::span<const uint8_t> bytes) override;
  void OnRemoteEnd(const absl::Status& status) override;
  void OnClosed(const absl::Status& status) override;

 private:
  // What a call takes of the hub, bytes.
  static constexpr uint64_t kCost = 5 * 1024;

  ControlCall(ControlLists::List list, std::string identity, Memory memory, ControlLists& lists);
  absl::StatusOr<ControlLists::Request> ParseRequest() const;
  void OnAnswer(const ControlLists::Answer& answer);

  const ControlLists::List list_;
  tunnel::MemoryCharge cost_;
  const std::string identity_;
  ControlLists& lists_;
  net::MessageStream* stream_ = nullptr;
  std::unique_ptr<base::Timer> deadline_;
  bool requested_ = false;
  std::string request_;
  std::shared_ptr<ControlLists::Permit> permit_;
  std::shared_ptr<const std::string> answer_;  // null until it is there
  size_t sent_ = 0;                            // of the answer
  // Null once the call is gone; what comes from the lists' thread holds it.
  std::shared_ptr<ControlCall*> self_;
};

}  // namespace hawser::hub
