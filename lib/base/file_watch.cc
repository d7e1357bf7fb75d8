#include "lib/base/file_watch.h"

#include <utility>

namespace hawser::base {

FileWatch::FileWatch(std::vector<std::string> paths, bool read)
    : paths_(std::move(paths)), read_(read) {
  if (read) stamps_ = Stamps();
}

std::vector<FileStamp> FileWatch::Stamps() const {
  std::vector<FileStamp> stamps;
  for (const std::string& path : paths_)
    stamps.push_back(path.empty() ? FileStamp() : ReadFileStamp(path));
  return stamps;
}

bool FileWatch::Due(bool asked) {
  std::vector<FileStamp> stamps = Stamps();
  news_ = asked || stamps != stamps_;
  if (read_ && !news_) return false;
  stamps_ = std::move(stamps);
  return true;
}

bool FileWatch::Done(const absl::Status& outcome) {
  const bool news = news_ || outcome != outcome_;
  outcome_ = outcome;
  read_ = outcome.ok();
  return news;
}

}  // namespace hawser::base
