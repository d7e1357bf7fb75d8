// The way to hubs without an address that agents reach: through the API server of the hub's
// cluster, which forwards a port of a server's pod as `kubectl port-forward` has it do.
//
// The account of the hub's kubeconfig needs, in the servers' namespace,
//
//   - {apiGroups: [""], resources: [pods], verbs: [list]}
//   - {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}
//
// (`create` since Kubernetes 1.35, although a WebSocket begins with GET). API servers let such
// connections pass with a limit of their own on bytes per second, where one is configured.
//
// Threads: the loop's; see net::ConnectAttempt.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/base/scheduler.h"
#include "lib/kube/config.h"
#include "lib/net/dialer.h"
#include "lib/net/event_loop.h"
#include "lib/net/resolver.h"
#include "spoke/ready_pods.h"

namespace hawser::spoke {

// Which pods, and which of their ports.
struct PortForwardTarget {
  std::string ns;
  std::string label_selector;
  uint16_t port = 0;
};

class PortForward {
 public:
  // `config` leads to the hub's API server. References outlive this.
  PortForward(net::EventLoop& loop, net::Resolver& resolver, kube::Config config,
              PortForwardTarget target);

  // A connection to the port of any ready pod. The attempt passes its bytes on, and must be kept
  // for as long as the descriptor is used. Errors: "port-forward to pod hub/proxy-server-0 through
  // 10.0.0.1:6443: ", and what the API server says; kDeadlineExceeded.
  std::unique_ptr<net::ConnectAttempt> Dial(base::Duration deadline, net::Connected done);

  // For logs: "a pod of namespace hub through 10.0.0.1:6443".
  std::string Description() const;

 private:
  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const PortForwardTarget target_;
  ReadyPods pods_;
};

}  // namespace hawser::spoke
