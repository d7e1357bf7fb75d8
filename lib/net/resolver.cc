#include "lib/net/resolver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "lib/base/quote.h"
#include "lib/base/status.h"
#include "lib/net/dns/address_order.h"
#include "lib/net/dns/host.h"

namespace hawser::net {
namespace {

using Addresses = std::vector<asio::ip::address>;

// "db.test." and "db.test" are one host, and only the former is not searched for.
std::string WithoutFinalDot(const std::string& name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

// What may be shown as it is, whether DNS can carry it or not.
bool IsText(const std::string& host) {
  return !host.empty() && host.size() <= dns::kMaxHostName &&
         std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// Names that are not in DNS (RFC 7686): to ask for them would give away who looks for them.
bool IsSecret(const std::string& host) { return host.ends_with(".onion"); }

// Of equal rank, those of the file stay in its order.
Addresses InOrder(const Addresses& addresses) {
  Addresses ordered;
  for (const Addresses& group : dns::OrderAddresses(addresses, &dns::SourceFor))
    ordered.insert(ordered.end(), group.begin(), group.end());
  return ordered;
}

}  // namespace

class Resolver::DnsLookup final : public Lookup {
 public:
  DnsLookup(Resolver& resolver, const std::string& host, Resolved done)
      : resolver_(resolver),
        host_(host),
        done_(std::move(done)),
        answer_(resolver.loop_),
        deadline_(resolver.loop_) {}

  ~DnsLookup() override { StopWaiting(); }

  // Answers in a later turn.
  void Answer(absl::StatusOr<Addresses> result) {
    StopWaiting();
    if (!result.ok()) result = base::Annotate(result.status(), "lookup " + host_);
    answer_.Set(base::Duration::zero(), [this, result = std::move(result)]() mutable {
      Resolved done = std::move(done_);
      done(std::move(result));  // may destroy this
    });
  }

  // Joins those who wait for `searching`.
  void Wait(Searches::iterator searching, const void* asker, base::Duration deadline) {
    waits_ = true;
    ++resolver_.waiting_;
    searching_ = searching;
    for_name_ = searching->second.waiters.insert(searching->second.waiters.end(), this);
    asker_ = resolver_.askers_.try_emplace(asker).first;
    of_asker_ = asker_->second.insert(asker_->second.end(), this);
    deadline_.Set(deadline, [this] { Answer(absl::DeadlineExceededError("timed out")); });
  }

 private:
  // A search for which nobody waits is given up.
  void StopWaiting() {
    deadline_.Cancel();
    if (!std::exchange(waits_, false)) return;
    --resolver_.waiting_;
    asker_->second.erase(of_asker_);
    if (asker_->second.empty()) resolver_.askers_.erase(asker_);
    searching_->second.waiters.erase(for_name_);
    if (searching_->second.waiters.empty()) resolver_.searches_.erase(searching_);
  }

  Resolver& resolver_;
  const std::string host_;
  Resolved done_;
  bool waits_ = false;  // where the iterators say
  Searches::iterator searching_;
  Waiters::iterator for_name_;
  Askers::iterator asker_;
  Waiters::iterator of_asker_;
  base::Timer answer_;
  base::Timer deadline_;
};

Resolver::Resolver(EventLoop& loop) : Resolver(loop, Options()) {}

Resolver::Resolver(EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      files_(options_.files),
      cache_(options_.max_answers),
      client_(loop) {}

Resolver::~Resolver() = default;

std::unique_ptr<Lookup> Resolver::Resolve(const std::string& host, base::Duration deadline,
                                          Resolved done, const void* asker) {
  const std::string name = absl::AsciiStrToLower(host);
  const std::string plain = WithoutFinalDot(name);
  const bool fit = IsText(plain);
  auto lookup = std::make_unique<DnsLookup>(*this, fit ? host : base::Quote(host), std::move(done));
  if (!fit) {
    lookup->Answer(absl::InvalidArgumentError("no host name"));
    return lookup;
  }
  asio::error_code not_an_address;
  const auto address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) {
    lookup->Answer(Addresses{address});
    return lookup;
  }
  RefreshFiles();
  if (const Addresses known = files_.hosts().Find(plain); !known.empty()) {
    ++counters_.from_files;
    lookup->Answer(InOrder(known));
  } else if (IsSecret(plain) || !dns::IsHostName(plain)) {
    lookup->Answer(absl::NotFoundError("no such host"));
  } else if (auto answer = cache_.Find(name, loop_.Now())) {
    ++counters_.from_cache;
    lookup->Answer(*std::move(answer));
  } else {
    MakeRoomFor(asker);
    lookup->Wait(SearchFor(name), asker, deadline);
  }
  return lookup;
}

void Resolver::Forget(const std::string& host) { cache_.Forget(absl::AsciiStrToLower(host)); }

void Resolver::RefreshFiles() {
  if (!files_.Refresh(loop_.Now(), options_.file_interval)) return;
  cache_.Clear();
  conf_ = files_.conf();
  if (options_.servers.empty()) return;
  auto conf = std::make_shared<dns::ResolvConf>(*conf_);
  conf->servers = options_.servers;
  conf_ = std::move(conf);
}

void Resolver::MakeRoomFor(const void* asker) {
  Waiters* greedy = nullptr;
  if (const auto own = askers_.find(asker); own != askers_.end()) {
    if (own->second.size() >= max_share()) greedy = &own->second;
  }
  if (greedy != nullptr) {
    ++counters_.beyond_share;
  } else if (waiting_ >= options_.max_lookups) {
    ++counters_.beyond_total;
    const auto most = std::max_element(askers_.begin(), askers_.end(), [](auto& a, auto& b) {
      return a.second.size() < b.second.size();
    });
    greedy = &most->second;
  }
  if (greedy != nullptr)
    greedy->front()->Answer(absl::ResourceExhaustedError("too many lookups wait for an answer"));
}

Resolver::Searches::iterator Resolver::SearchFor(const std::string& name) {
  const auto [at, is_new] = searches_.try_emplace(name);
  ++(is_new ? counters_.asked : counters_.joined);
  if (!is_new) return at;
  const bool absolute = name.ends_with('.');
  at->second.search = std::make_unique<dns::Search>(
      loop_, client_, conf_,
      absolute ? std::vector{WithoutFinalDot(name)} : dns::Candidates(*conf_, name),
      [this, name](auto found) { OnFound(name, std::move(found)); });
  return at;
}

void Resolver::OnFound(const std::string& name, absl::StatusOr<dns::Found> found) {
  if (found.ok()) {
    cache_.Put(name, dns::OrderAddresses(found->addresses, &dns::SourceFor), found->ttl,
               loop_.Now());
  } else if (absl::IsResourceExhausted(found.status())) {
    ++counters_.out_of_descriptors;
  } else {
    cache_.Put(name, found.status(), loop_.Now());
  }
  // The last one to leave ends the search, which calls this.
  const Waiters waiters = searches_.find(name)->second.waiters;
  for (DnsLookup* waiter : waiters) {
    if (auto answer = cache_.Find(name, loop_.Now())) {
      waiter->Answer(*std::move(answer));
    } else {
      waiter->Answer(found.status());
    }
  }
}

}  // namespace hawser::net
