// Gets a page through a proxy-server, with the flags of Konnectivity's program of the same name.
#include <iostream>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "examples/proxy_test_client/channel.h"
#include "examples/proxy_test_client/http_response.h"
#include "examples/proxy_test_client/options.h"
#include "examples/proxy_test_client/tunnels.h"
#include "lib/base/daemon.h"
#include "lib/base/status.h"
#include "lib/net/tls_context.h"

namespace hawser::examples {
namespace {

constexpr char kName[] = "proxy-test-client";

// As browsers do: the system's authorities, or those that $SSL_CERT_FILE names.
absl::StatusOr<Channel> StartHttps(Channel tunnel, const std::string& host) {
  HAWSER_ASSIGN_OR_RETURN(
      const auto context,
      net::TlsContext::Client({.system_roots = true, .alpn = {}, .require_alpn = false}));
  return StartTls(std::move(tunnel), context->get(), host);
}

class Run {
 public:
  Run(const Options& options, Tunnels& tunnels) : options_(options), tunnels_(tunnels) {}

  // Whether every request was answered.
  bool All() {
    std::vector<std::thread> requests;
    for (int i = 0; i < options_.requests; ++i) {
      if (i > 0) std::this_thread::sleep_for(options_.delay);
      requests.emplace_back([this] { Report(Get()); });
    }
    for (std::thread& request : requests) request.join();
    std::this_thread::sleep_for(options_.after_delay);
    if (failed_ > 1) std::cerr << kName << ": " << failed_ << " requests failed\n";
    return failed_ == 0;
  }

 private:
  absl::StatusOr<HttpResponse> Get() {
    HAWSER_ASSIGN_OR_RETURN(Channel channel, tunnels_.Dial());
    if (options_.https) {
      HAWSER_ASSIGN_OR_RETURN(channel, StartHttps(std::move(channel), options_.target.host));
    }
    HAWSER_RETURN_IF_ERROR(Write(*channel, "GET " + options_.path + " HTTP/1.1\r\nHost: " +
                                               base::FormatHostPort(options_.target) + "\r\n\r\n"));
    HAWSER_ASSIGN_OR_RETURN(HttpResponse response, ReadResponse(*channel));
    if (!options_.close_idle) {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(channel));
    }
    return response;
  }

  void Report(const absl::StatusOr<HttpResponse>& response) {
    const std::lock_guard lock(mutex_);
    if (response.ok()) {
      std::cout << "HTML Response:\n" << response->body << std::endl;
    } else {
      ++failed_;
      std::cerr << kName << ": " << std::string(response.status().message()) << "\n";
    }
  }

  const Options& options_;
  Tunnels& tunnels_;
  std::mutex mutex_;
  std::vector<Channel> idle_;  // guarded by mutex_
  int failed_ = 0;             // guarded by mutex_ until the requests are joined
};

int Main(int argc, char** argv) {
  const auto done =
      base::BeginDaemon(kName, "Gets a page through a proxy-server, to try it out.", argc, argv);
  if (done.has_value()) return *done;
  const auto options = OptionsFromFlags();
  if (!options.ok()) return base::BadUsage(kName, options.status());
  const auto tunnels = Tunnels::Make(*options);
  if (!tunnels.ok()) {
    std::cerr << kName << ": " << std::string(tunnels.status().message()) << "\n";
    return 1;
  }
  return Run(*options, **tunnels).All() ? 0 : 1;
}

}  // namespace
}  // namespace hawser::examples

int main(int argc, char** argv) { return hawser::examples::Main(argc, argv); }
