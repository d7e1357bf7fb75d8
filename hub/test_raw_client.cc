#include "hub/test_raw_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glog/logging.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "lib/net/dialer.h"

namespace hawser::hub {
namespace {

const std::string& HubName() {
  static const auto* const name = new std::string("127.0.0.1");
  return *name;
}

// A read that takes longer is a failed test.
void LimitReads(int fd) {
  const timeval limit{20, 0};
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
}

std::shared_ptr<net::TlsContext> MakeContext(const net::TlsFiles& files, const std::string& alpn) {
  net::TlsOptions options{.files = files, .alpn = {}, .require_alpn = false};
  if (!alpn.empty()) options.alpn = {alpn};
  auto context = net::TlsContext::Client(options);
  CHECK(context.ok()) << context.status();
  return *std::move(context);
}

}  // namespace

RawClient::RawClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  PCHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  LimitReads(fd_);
}

RawClient::RawClient(const std::string& unix_path) {
  const auto fd = net::ConnectUnix(unix_path);
  CHECK(fd.ok()) << fd.status();
  fd_ = *fd;
  PCHECK(fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) & ~O_NONBLOCK) == 0);
  LimitReads(fd_);
}

RawClient::RawClient(uint16_t port, const net::TlsFiles& files, const std::string& alpn)
    : RawClient(port, MakeContext(files, alpn)) {}

RawClient::RawClient(uint16_t port, std::shared_ptr<net::TlsContext> context) : RawClient(port) {
  // OpenSSL's last words to a hub that has reset the connection would end the test.
  signal(SIGPIPE, SIG_IGN);
  context_ = std::move(context);
  ssl_ = SSL_new(context_->get());
  context_->NameSessions(ssl_, HubName());
  if (const net::SslSession session = context_->TakeSession(HubName()))
    SSL_set_session(ssl_, session.get());
  SSL_set_fd(ssl_, fd_);
  SSL_set_mode(ssl_, SSL_MODE_AUTO_RETRY);  // tickets are no end of a read
  ok_ = SSL_connect(ssl_) == 1;
}

RawClient::~RawClient() {
  if (ssl_ != nullptr) {
    // A second one would wait for the hub's.
    if (ok_ && (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) == 0) SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  close(fd_);
}

void RawClient::Send(const std::string& bytes) {
  const int size = static_cast<int>(bytes.size());
  const auto sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), size)
                                    : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != size) ok_ = false;
}

bool RawClient::AwaitRead() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int unread = 1; unread != 0; std::this_thread::yield()) {
    PCHECK(ioctl(fd_, SIOCOUTQ, &unread) == 0);
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

bool RawClient::Readable() const {
  pollfd look{fd_, POLLIN, 0};
  return ::poll(&look, 1, 0) > 0;
}

void RawClient::FinishSending() {
  if (ssl_ != nullptr) {
    SSL_shutdown(ssl_);
  } else {
    shutdown(fd_, SHUT_WR);
  }
}

int RawClient::ReadSome(char* buffer, int size) {
  return ssl_ != nullptr ? SSL_read(ssl_, buffer, size)
                         : static_cast<int>(recv(fd_, buffer, size, 0));
}

std::string RawClient::ReadUntil(const std::string& end) {
  std::string bytes;
  char buffer[4096];
  // Byte by byte before an end that is waited for, so that nothing behind it is swallowed.
  const int step = end.empty() ? static_cast<int>(sizeof(buffer)) : 1;
  while (end.empty() || !bytes.ends_with(end)) {
    const int count = ReadSome(buffer, step);
    if (count <= 0) break;
    bytes.append(buffer, count);
  }
  return bytes;
}

}  // namespace hawser::hub
