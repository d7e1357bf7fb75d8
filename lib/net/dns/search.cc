#include "lib/net/dns/search.h"

#include <algorithm>
#include <utility>

namespace hawser::net::dns {
namespace {

// How long addresses of one family wait for those of the other (RFC 8305, section 3).
constexpr base::Duration kOtherFamilyDelay = std::chrono::milliseconds(50);

}  // namespace

Search::Search(EventLoop& loop, Client& client, std::shared_ptr<const ResolvConf> conf,
               std::vector<std::string> candidates, Done done)
    : client_(client),
      conf_(std::move(conf)),
      candidates_(std::move(candidates)),
      done_(std::move(done)),
      other_family_(loop) {
  AskNext();
}

void Search::AskNext() {
  other_family_.Cancel();
  const std::string& name = candidates_[next_++];
  // There is nothing after the last one for which time should be left.
  const int rounds = conf_->attempts + (next_ == candidates_.size() ? 1 : 0);
  records_.clear();
  records_.push_back({.type = RecordType::kA, .question = nullptr, .reply = {}});
  if (conf_->ipv6)
    records_.push_back({.type = RecordType::kAaaa, .question = nullptr, .reply = {}});
  for (Records& records : records_)
    records.question =
        client_.Ask(conf_, name, records.type, rounds,
                    [this, &records](Reply reply) { OnReply(records, std::move(reply)); });
}

void Search::OnReply(Records& records, Reply reply) {
  records.answered = true;
  records.reply = std::move(reply);
  const bool all = std::all_of(records_.begin(), records_.end(),
                               [](const Records& each) { return each.answered; });
  if (all) {
    Evaluate();
  } else if (!records.reply.addresses.empty()) {
    other_family_.Set(kOtherFamilyDelay, [this] { Evaluate(); });
  }
}

void Search::Evaluate() {
  Found found;
  bool first = true;
  for (const Records& records : records_) {
    const Reply& reply = records.reply;
    if (!reply.status.ok() && !absl::IsNotFound(reply.status)) fault_ = reply.status;
    if (reply.addresses.empty()) continue;
    found.ttl = std::exchange(first, false) ? reply.ttl : std::min(found.ttl, reply.ttl);
    found.addresses.insert(found.addresses.end(), reply.addresses.begin(), reply.addresses.end());
  }
  if (!found.addresses.empty()) {
    Finish(std::move(found));
  } else if (next_ < candidates_.size() && !absl::IsResourceExhausted(fault_)) {
    AskNext();
  } else {
    Finish(fault_.ok() ? absl::NotFoundError("no such host") : fault_);
  }
}

void Search::Finish(absl::StatusOr<Found> result) {
  other_family_.Cancel();
  records_.clear();
  Done done = std::move(done_);
  done(std::move(result));  // may destroy this
}

}  // namespace hawser::net::dns
