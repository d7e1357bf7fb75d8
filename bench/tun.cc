#include "bench/tun.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace hawser::bench {
namespace {

// Packets that wait for the emulator; it shall lose none because it was not scheduled in time.
constexpr uint32_t kQueueLength = 20'000;
constexpr size_t kMaxPacket = 80 * 1024;
// A virtio_net_hdr (linux/virtio_net.h, which is no C++) in front of each packet.
constexpr int kHeader = 10;

void Control(int fd, unsigned long request, ifreq& argument, const std::string& what) {
  if (ioctl(fd, request, &argument) < 0)
    throw std::system_error(errno, std::generic_category(), what + " " + argument.ifr_name);
}

ifreq Named(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name)
    throw std::runtime_error("name of a device too long: " + name);
  name.copy(request.ifr_name, sizeof request.ifr_name);
  return request;
}

Fd ControlSocket() { return Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

void SetAddress(const Fd& control, unsigned long request, ifreq device,
                const std::string& address) {
  sockaddr_in value{};
  value.sin_family = AF_INET;
  if (inet_pton(AF_INET, address.c_str(), &value.sin_addr) != 1)
    throw std::runtime_error("not an IPv4 address: " + address);
  std::memcpy(&device.ifr_addr, &value, sizeof value);
  Control(control.get(), request, device, "set address of");
}

void Raise(const Fd& control, ifreq device) {
  Control(control.get(), SIOCGIFFLAGS, device, "look at");
  device.ifr_flags |= IFF_UP;
  Control(control.get(), SIOCSIFFLAGS, device, "bring up");
}

// By netlink, since the ioctl is for the machine's root only.
void SetQueueLength(const std::string& name, uint32_t packets) {
  struct {
    nlmsghdr header{};
    ifinfomsg link{};
    rtattr attribute{};
    uint32_t value = 0;
  } request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = static_cast<int>(if_nametoindex(name.c_str()));
  request.attribute.rta_len = RTA_LENGTH(sizeof request.value);
  request.attribute.rta_type = IFLA_TXQLEN;
  request.value = packets;
  struct {
    nlmsghdr header{};
    nlmsgerr error{};
    std::array<char, 256> rest{};
  } answer;
  const Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  const bool answered = send(netlink.get(), &request, sizeof request, 0) == sizeof request &&
                        recv(netlink.get(), &answer, sizeof answer, 0) > 0;
  const int error = answered ? -answer.error.error : errno;
  if (error != 0) throw std::system_error(error, std::generic_category(), "set queue of " + name);
}

}  // namespace

Tun::Tun(const Options& options) : fd_(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
  if (fd_.get() < 0) throw std::system_error(errno, std::generic_category(), "open /dev/net/tun");
  ifreq device = Named(options.name);
  device.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  Control(fd_.get(), TUNSETIFF, device, "make");
  // Checksums are the kernel's own business on both sides.
  const unsigned offload = TUN_F_CSUM | (options.large_segments ? TUN_F_TSO4 | TUN_F_TSO6 : 0);
  if (ioctl(fd_.get(), TUNSETOFFLOAD, offload) < 0)
    throw std::system_error(errno, std::generic_category(), "set offload of " + options.name);

  if (ioctl(fd_.get(), TUNSETVNETHDRSZ, &kHeader) < 0)
    throw std::system_error(errno, std::generic_category(), "set header of " + options.name);

  const Fd control = ControlSocket();
  device = Named(options.name);
  device.ifr_mtu = options.mtu;
  Control(control.get(), SIOCSIFMTU, device, "set mtu of");
  SetQueueLength(options.name, kQueueLength);
  SetAddress(control, SIOCSIFADDR, Named(options.name), options.address);
  SetAddress(control, SIOCSIFDSTADDR, Named(options.name), options.peer);
  Raise(control, Named(options.name));
}

std::optional<std::span<const uint8_t>> Tun::Read() {
  static thread_local std::array<uint8_t, kMaxPacket> buffer;
  const ssize_t size = read(fd_.get(), buffer.data(), buffer.size());
  if (size <= 0) return std::nullopt;
  return std::span<const uint8_t>(buffer.data(), static_cast<size_t>(size));
}

void Tun::Write(std::span<const uint8_t> packet) {
  [[maybe_unused]] const ssize_t written = write(fd_.get(), packet.data(), packet.size());
}

void RaiseLoopback() { Raise(ControlSocket(), Named("lo")); }

}  // namespace hawser::bench
