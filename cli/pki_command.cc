// `hawser pki`: the certificates of a hub, its agents and its clients.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/denied_entry.h"
#include "cli/pki_directory.h"
#include "cli/table.h"
#include "hub/config_file.h"
#include "hub/limits.h"
#include "lib/base/duration.h"
#include "lib/base/read_file.h"
#include "lib/base/status.h"
#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"
#include "lib/pki/pem_file.h"
#include "lib/tunnel/name_rules.h"

namespace hawser::cli {
namespace {

constexpr size_t kMaxConfig = 16 * 1024 * 1024;  // bytes, as hubs read it
constexpr auto kLockPause = std::chrono::milliseconds(50);
constexpr int kLockTries = 100;

struct PkiOptions {
  std::string dir = "pki";
  std::string trust_domain = "hawser.local";
  std::string validity = "8760h";
  std::string authority_validity = "87600h";
  bool overwrite = false;
  std::string name;
  std::vector<std::string> sans;
  std::vector<std::string> files;
  std::string config;
  std::string cluster;
  std::string client;
};

absl::StatusOr<std::chrono::seconds> ParseValidity(const std::string& text) {
  HAWSER_ASSIGN_OR_RETURN(const base::Duration parsed, base::ParseDuration(text));
  const auto validity = std::chrono::duration_cast<std::chrono::seconds>(parsed);
  if (validity <= std::chrono::seconds::zero())
    return absl::InvalidArgumentError("--validity " + text + ": a certificate needs some time");
  return validity;
}

absl::Status Init(const PkiOptions& options) {
  HAWSER_ASSIGN_OR_RETURN(const auto validity, ParseValidity(options.authority_validity));
  HAWSER_RETURN_IF_ERROR(PkiDirectory(options.dir).Init(validity));
  std::cout << "created certificate authorities in " << options.dir << "/ca\n";
  return absl::OkStatus();
}

// Issues with `issue` and says where the result is.
template <typename Issuer>
absl::Status Issue(const PkiOptions& options, const std::string& what, Issuer issue) {
  PkiDirectory::Issue how;
  HAWSER_ASSIGN_OR_RETURN(how.validity, ParseValidity(options.validity));
  how.trust_domain = options.trust_domain;
  how.overwrite = options.overwrite;
  PkiDirectory directory(options.dir);
  HAWSER_ASSIGN_OR_RETURN(const std::string folder, issue(directory, how));
  std::cout << "issued " << what << " certificate of " << options.name << " in " << folder << "\n";
  return absl::OkStatus();
}

// What is known without the hub's configuration.
void WarnOfReservedName(const std::string& cluster) {
  if (const std::string why = tunnel::NameRules().WhyReserved(cluster); !why.empty())
    std::cerr << "warning: hubs refuse agents of a cluster called " << cluster << ": " << why
              << "\n";
}

nlohmann::ordered_json ToJson(const std::string& file, const pki::Certificate& certificate) {
  return {{"file", file},
          {"subject", certificate.common_name()},
          {"issuer", certificate.issuer_common_name()},
          {"serial", certificate.serial()},
          {"names", certificate.alternative_names()},
          {"usages", certificate.usages()},
          {"ca", certificate.is_ca()},
          {"notBefore", TimeText(certificate.not_before())},
          {"notAfter", TimeText(certificate.not_after())}};
}

std::string Join(const std::vector<std::string>& items) {
  std::string joined;
  for (const std::string& item : items) joined += (joined.empty() ? "" : ",") + item;
  return joined.empty() ? "-" : joined;
}

absl::Status Show(const PkiOptions& options, bool json) {
  Table table({"FILE", "SUBJECT", "ISSUER", "USAGES", "NOT-AFTER", "NAMES"});
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::string& file : options.files) {
    HAWSER_ASSIGN_OR_RETURN(const auto certificates, pki::Certificate::LoadAll(file));
    for (const pki::Certificate& certificate : certificates) {
      list.push_back(ToJson(file, certificate));
      table.AddRow({file, certificate.common_name(), certificate.issuer_common_name(),
                    certificate.is_ca() ? "ca" : Join(certificate.usages()),
                    TimeText(certificate.not_after()), Join(certificate.alternative_names())});
    }
  }
  if (json) {
    std::cout << nlohmann::ordered_json{{"certificates", list}}.dump(2) << "\n";
  } else {
    std::cout << table.Take();
  }
  return absl::OkStatus();
}

absl::Status Fingerprint(const PkiOptions& options, bool json) {
  Table table({"FILE", "NAMES", "SERIAL", "SHA-256"});
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::string& file : options.files) {
    HAWSER_ASSIGN_OR_RETURN(const auto certificate, pki::Certificate::Load(file));
    list.push_back({{"file", file},
                    {"names", certificate.alternative_names()},
                    {"serial", certificate.serial()},
                    {"fingerprint", certificate.fingerprint()}});
    table.AddRow({file, Join(certificate.alternative_names()), certificate.serial(),
                  certificate.fingerprint()});
  }
  if (json) {
    std::cout << nlohmann::ordered_json{{"certificates", list}}.dump(2) << "\n";
  } else {
    std::cout << table.Take();
  }
  return absl::OkStatus();
}

// Held while a file in that folder is replaced.
absl::StatusOr<std::shared_ptr<void>> LockFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return base::ErrnoStatus(errno, "open " + folder);
  std::shared_ptr<void> lock(nullptr, [fd](void*) { ::close(fd); });
  // Whoever may read the folder can hold the lock.
  for (int tries = kLockTries; ::flock(fd, LOCK_EX | LOCK_NB) != 0; --tries) {
    if (errno != EWOULDBLOCK || tries == 0) return base::ErrnoStatus(errno, "lock " + folder);
    std::this_thread::sleep_for(kLockPause);
  }
  return lock;
}

// Into the file itself, where its name is a link to it.
absl::Status Deny(const PkiOptions& options) {
  const std::string& file = options.config;
  std::vector<std::pair<std::string, std::string>> denied;
  if (!options.cluster.empty()) {
    if (!pki::IsClusterName(options.cluster))
      return absl::InvalidArgumentError("not a cluster name: " + options.cluster);
    denied.emplace_back("cluster", options.cluster);
  }
  if (!options.client.empty()) {
    const pki::ClientIdentity identity{options.trust_domain, options.client};
    HAWSER_RETURN_IF_ERROR(pki::ParseIdentity(pki::IdentityUri(identity)).status());
    denied.emplace_back("client", options.client);
  }
  for (const std::string& name : options.files) {
    HAWSER_ASSIGN_OR_RETURN(const auto certificate, pki::Certificate::Load(name));
    if (certificate.is_ca())
      return absl::InvalidArgumentError(name +
                                        ": an authority, whose certificates it does not deny");
    denied.emplace_back("fingerprint", certificate.fingerprint());
  }
  if (denied.empty())
    return absl::InvalidArgumentError(
        "name what to deny: certificate files, --cluster or --client");
  std::error_code error;
  const std::string path = std::filesystem::canonical(file, error);
  if (error) return base::ErrnoStatus(error.value(), "read " + file);
  // One after the other, where several are at it.
  HAWSER_ASSIGN_OR_RETURN(const auto turn, LockFolderOf(path));
  HAWSER_ASSIGN_OR_RETURN(std::string text, base::ReadFile(path, kMaxConfig));
  // A hub that cannot load the file goes on with what it had, and would deny nobody.
  HAWSER_ASSIGN_OR_RETURN(const hub::ConfigFile config, hub::ParseConfig(text, file));
  HAWSER_RETURN_IF_ERROR(hub::ReadLimits(config.limits).status());
  for (const auto& [key, value] : denied) {
    HAWSER_ASSIGN_OR_RETURN(text, WithDenied(text, file, key, value));
  }
  struct stat before {};
  if (::stat(path.c_str(), &before) != 0) return base::ErrnoStatus(errno, "read " + file);
  HAWSER_RETURN_IF_ERROR(pki::WritePemFile(path, text, before.st_mode & 07777,
                                           pki::FileOwner{before.st_uid, before.st_gid}));
  for (const auto& [key, value] : denied)
    std::cout << "denied " << key << " " << value << " in " << file << "\n";
  return absl::OkStatus();
}

CLI::App& AddIssueCommand(CLI::App& pki, const std::string& name, const std::string& description,
                          const std::string& argument, const std::string& meaning,
                          PkiOptions& options) {
  CLI::App& command = *pki.add_subcommand(name, description);
  command.add_option(argument, options.name, meaning)->required();
  command.add_option("--trust-domain", options.trust_domain, "Trust domain of the identity")
      ->type_name("DOMAIN")
      ->capture_default_str();
  command.add_option("--validity", options.validity, "How long the certificate is valid")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_flag("--overwrite", options.overwrite, "Replace a certificate that is there already");
  return command;
}

}  // namespace

void AddPkiCommand(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<PkiOptions>();
  CLI::App& pki = *app.add_subcommand(
      "pki",
      "Make and show certificates\n\nThree authorities that never mix: for agents, for "
      "clients, for servers.");
  pki.require_subcommand(1);
  pki.add_option("--dir", options->dir, "Folder of the certificates")
      ->type_name("DIR")
      ->capture_default_str();

  CLI::App& init = *pki.add_subcommand("init", "Make the three certificate authorities");
  init.add_option("--validity", options->authority_validity, "How long they are valid")
      ->type_name("DURATION")
      ->capture_default_str();
  init.callback([=, &invocation] { invocation.action = [=] { return Init(*options); }; });

  AddIssueCommand(pki, "agent", "Issue the certificate of a cluster's agents", "CLUSTER",
                  "A DNS label: what clients dial", *options)
      .callback([=, &invocation] {
        invocation.action = [=] {
          WarnOfReservedName(options->name);
          return Issue(*options, "agent", [&](PkiDirectory& directory, const auto& how) {
            return directory.IssueAgent(options->name, how);
          });
        };
      });
  AddIssueCommand(pki, "client", "Issue the certificate of a client of the hub", "NAME",
                  "Who dials", *options)
      .callback([=, &invocation] {
        invocation.action = [=] {
          return Issue(*options, "client", [&](PkiDirectory& directory, const auto& how) {
            return directory.IssueClient(options->name, how);
          });
        };
      });
  CLI::App& server = AddIssueCommand(pki, "server", "Issue the certificate of a hub", "NAME",
                                     "Name of the folder", *options);
  server.add_option("--san", options->sans, "Names of the hub: dns:NAME or ip:ADDRESS; repeatable")
      ->type_name("SAN")
      ->required()
      ->expected(1)
      ->delimiter(',')
      ->take_all();
  server.callback([=, &invocation] {
    invocation.action = [=] {
      return Issue(*options, "server", [&](PkiDirectory& directory, const auto& how) {
        return directory.IssueServer(options->name, options->sans, how);
      });
    };
  });

  CLI::App& show = *pki.add_subcommand("show", "Show what is in certificate files");
  show.add_option("FILE", options->files, "PEM files")->required();
  show.callback([=, &invocation] {
    invocation.action = [=, &invocation] { return Show(*options, invocation.global.json()); };
  });

  CLI::App& fingerprint = *pki.add_subcommand(
      "fingerprint", "Show by what a hub's list \"deny\" can name certificates");
  fingerprint.add_option("FILE", options->files, "PEM files, whose first certificate counts")
      ->required();
  fingerprint.callback([=, &invocation] {
    invocation.action = [=, &invocation] {
      return Fingerprint(*options, invocation.global.json());
    };
  });
  CLI::App& deny = *pki.add_subcommand(
      "deny",
      "Cut spokes and clients off\n\nWrites into the list \"deny\" of a hub's --config; a hub that "
      "reads it ends their connections within seconds, and takes no new ones.");
  deny.add_option("FILE", options->files, "Certificates, by their SHA-256: PEM files");
  deny.add_option("--cluster", options->cluster, "All agents of this cluster")
      ->type_name("CLUSTER");
  deny.add_option("--client", options->client, "This client")->type_name("NAME");
  deny.add_option("--config", options->config, "The hub's configuration file")
      ->type_name("FILE")
      ->required();
  deny.callback([=, &invocation] { invocation.action = [=] { return Deny(*options); }; });
  // Last, or every subcommand would inherit it.
  pki.footer(
      "  hawser pki --dir pki init\n"
      "  hawser pki --dir pki server hub --san dns:hub.example --san ip:10.0.0.1\n"
      "  hawser pki --dir pki agent paris\n"
      "  hawser pki --dir pki client alice");
}

}  // namespace hawser::cli
