#include "cli/lists.h"

#include <string>

#include "lib/base/host_port.h"
#include "lib/base/status.h"
#include "lib/pki/certificate.h"
#include "lib/pki/pem_file.h"
#include "lib/pki/private_key.h"

namespace hawser::cli {
namespace {

absl::StatusOr<std::string> ReadCertificates(const std::string& path) {
  HAWSER_ASSIGN_OR_RETURN(std::string pem, pki::ReadPemFile(path));
  if (const auto certificates = pki::Certificate::AllFromPem(pem); !certificates.ok())
    return base::Annotate(certificates.status(), path);
  return pem;
}

absl::StatusOr<std::string> ReadKey(const std::string& path) {
  HAWSER_RETURN_IF_ERROR(pki::CheckKeyFilePermissions(path));
  HAWSER_ASSIGN_OR_RETURN(std::string pem, pki::ReadPemFile(path));
  if (const auto key = pki::PrivateKey::FromPem(pem); !key.ok())
    return base::Annotate(key.status(), path);
  return pem;
}

absl::StatusOr<control::Client> FrontEndLists(const GlobalOptions& global) {
  if (global.hub.starts_with("unix:"))
    return control::Client::ForFrontEnd(global.hub, std::nullopt);
  if (const auto address = base::ParseHostPort(global.hub); !address.ok())
    return base::Annotate(address.status(), "hub address");
  // A missing CA never means "no check".
  if (global.ca.empty())
    return absl::InvalidArgumentError("hub address " + global.hub +
                                      ": TLS needs the CA of the hub's certificate");
  if (global.certificate.empty() != global.key.empty())
    return absl::InvalidArgumentError("--cert and --key belong together");
  control::Client::Tls tls;
  HAWSER_ASSIGN_OR_RETURN(tls.ca, ReadCertificates(global.ca));
  if (!global.certificate.empty()) {
    HAWSER_ASSIGN_OR_RETURN(tls.certificate, ReadCertificates(global.certificate));
    HAWSER_ASSIGN_OR_RETURN(tls.key, ReadKey(global.key));
  }
  return control::Client::ForFrontEnd(global.hub, tls);
}

}  // namespace

absl::StatusOr<control::Client> Lists(const GlobalOptions& global) {
  if (!global.control.empty()) return control::Client::Make(global.control);
  if (!global.hub.empty()) return FrontEndLists(global);
  return absl::InvalidArgumentError(
      "no hub is named: want --control or --hub, or the environment's HAWSER_CONTROL or "
      "HAWSER_HUB");
}

}  // namespace hawser::cli
