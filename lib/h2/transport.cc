#include "lib/h2/transport.h"

#include <glog/logging.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

#include "lib/h2/stream.h"

namespace hawser::h2 {
namespace {

// Shared by all sessions; nghttp2 copies what it needs.
nghttp2_option* MakeOptions() {
  nghttp2_option* option = nullptr;
  CHECK_EQ(nghttp2_option_new(&option), 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
  nghttp2_option_set_max_settings(option, 16);
  nghttp2_option_set_max_continuations(option, 8);
  // What RFC 9113 has no name for is ignored, but not before AbuseBudget has seen it.
  for (int type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; ++type)
    nghttp2_option_set_user_recv_extension_type(option, static_cast<uint8_t>(type));
  // AbuseBudget counts these, and gives honest peers credit that nghttp2 does not know of.
  constexpr uint64_t kNoLimit = 1'000'000'000;
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);
  nghttp2_option_set_max_outbound_ack(option, kNoLimit);
  return option;
}

// The code that says best to a peer why we close.
uint32_t GoAwayCode(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return NGHTTP2_ENHANCE_YOUR_CALM;
  return status.ok() ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR;
}

}  // namespace

std::unique_ptr<Transport> Transport::Server(std::unique_ptr<net::Socket> socket,
                                             const Options& options, Acceptor acceptor,
                                             Closed closed) {
  CHECK(acceptor != nullptr) << "a server needs an acceptor";
  return std::unique_ptr<Transport>(
      new Transport(std::move(socket), options, std::move(acceptor), std::move(closed)));
}

std::unique_ptr<Transport> Transport::Client(std::unique_ptr<net::Socket> socket,
                                             const Options& options, Closed closed) {
  return std::unique_ptr<Transport>(
      new Transport(std::move(socket), options, nullptr, std::move(closed)));
}

Transport::Transport(std::unique_ptr<net::Socket> socket, const Options& options, Acceptor acceptor,
                     Closed closed)
    : options_(options),
      socket_(std::move(socket)),
      acceptor_(std::move(acceptor)),
      closed_(std::move(closed)),
      budget_(options.abuse, loop().Now()),
      keepalive_(loop(), *this, options.keepalive, options.keepalive_timeout),
      preface_timer_(loop()),
      flush_([this] { Flush(); }),
      alive_(std::make_shared<char>()) {
  static nghttp2_session_callbacks* const callbacks = MakeCallbacks();
  static nghttp2_option* const option = MakeOptions();
  const auto create = server() ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  CHECK_EQ(create(&session_, callbacks, this, option), 0) << "out of memory";
  socket_->ShareAmongMany();
  SubmitSettings();
  LimitUnansweredTime();
  preface_timer_.Set(options_.preface_deadline, [this] {
    Fail(absl::DeadlineExceededError("peer sent no http/2 preface in time"),
         NGHTTP2_SETTINGS_TIMEOUT);
  });
  keepalive_.Start(server());
  RequestFlush();
  Post([this] { OnReadable(); });
}

Transport::~Transport() {
  state_ = State::kClosed;
  socket_->Close();
  if (failure_.ok()) failure_ = absl::CancelledError("connection closed by this side");
  while (!streams_.empty()) Retire(*streams_.begin()->second, failure_);
  while (!retired_.empty()) BuryNext();
  nghttp2_session_del(session_);
}

nghttp2_session_callbacks* Transport::MakeCallbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  CHECK_EQ(nghttp2_session_callbacks_new(&callbacks), 0);
  AddReceiveCallbacks(callbacks);
  AddSendCallbacks(callbacks);
  return callbacks;
}

void Transport::SubmitSettings() {
  const std::array<nghttp2_settings_entry, 6> settings = {{
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, options_.max_frame},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.max_header_list},
      server()
          ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_streams}
          : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      // RFC 9113 section 5.3: whatever clients say of priorities is not even looked at.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  // Clients keep nghttp2's default of serving streams by turns, so they leave the last one out.
  const size_t count = server() ? settings.size() : settings.size() - 1;
  CHECK_EQ(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count), 0);
  CHECK_EQ(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                 static_cast<int32_t>(options_.connection_window)),
           0);
}

// The kernel's half of keepalive: data that stays unacknowledged for as long as a ping may stay
// unanswered ends the connection. Means nothing to sockets other than TCP's.
void Transport::LimitUnansweredTime() {
  const bool off = keepalive_.interval() == base::Duration::zero();
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(keepalive_.timeout());
  const auto milliseconds = off ? 0u : static_cast<unsigned>(limit.count());
  setsockopt(socket_->fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

void Transport::SetKeepalive(base::Duration interval) {
  if (state_ != State::kOpen) return;
  keepalive_.SetInterval(interval);
  LimitUnansweredTime();
}

void Transport::SendPing(uint64_t opaque) {
  std::array<uint8_t, sizeof opaque> payload;
  std::memcpy(payload.data(), &opaque, sizeof opaque);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, payload.data());
  RequestFlush();
}

void Transport::OnPingTimeout(base::Duration timeout) {
  const auto seconds = std::chrono::duration<double>(timeout).count();
  char text[64];
  std::snprintf(text, sizeof text, "keepalive: no answer to ping within %gs", seconds);
  Fail(absl::UnavailableError(text), NGHTTP2_NO_ERROR);
}

void Transport::Post(base::Closure work) {
  loop().Post([alive = std::weak_ptr<void>(alive_), work = std::move(work)]() mutable {
    if (!alive.expired()) work();
  });
}

void Transport::GoAway() {
  if (state_ != State::kOpen) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  RequestFlush();
}

void Transport::Close(const absl::Status& status) { Fail(status, GoAwayCode(status)); }

void Transport::Fail(const absl::Status& status, uint32_t code) {
  if (state_ != State::kOpen) return;
  state_ = State::kClosing;
  failure_ = status;
  goaway_code_ = code;
  RequestFlush();
}

void Transport::OnSessionEnd() {
  if (failure_.ok() && !going_away_.empty()) failure_ = absl::UnavailableError(going_away_);
  // Its verdict is still unsent, because the peer does not read.
  if (failure_.ok() && nghttp2_session_want_write(session_) != 0)
    failure_ = absl::InternalError("peer broke http/2");
  Shut();
}

void Transport::Shut() {
  state_ = State::kClosed;
  keepalive_.Stop();
  preface_timer_.Cancel();
  socket_->Close();
  Post([this] { EndStreams(); });
}

void Transport::EndStreams() {
  const absl::Status lost =
      failure_.ok() ? absl::CancelledError("connection closed by this side") : failure_;
  while (!streams_.empty()) Retire(*streams_.begin()->second, lost);
  lost_ = true;
  if (!burying_) Bury();  // else it is on its way
}

}  // namespace hawser::h2
