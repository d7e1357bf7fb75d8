#include "lib/base/log_flags.h"

#include <gflags/gflags.h>

#include <algorithm>

#include "lib/base/flag_values.h"
#include "lib/base/flags.h"
#include "lib/base/status.h"

// glog has the others: see flags.cc.
DEFINE_string(log_format, "text", "[Logging] text, as klog writes it, or json");
DEFINE_string(log_file, "",
              "[Logging] with --logtostderr=false, a file to write to instead of stderr");
DEFINE_bool(skip_headers, false, "[Logging] leave out what stands before the messages of text");
DEFINE_bool(add_dir_header, false, "[Logging] show the folders of source files");
DEFINE_string(alsologtostderrthreshold, "INFO",
              "[Logging] least severity that --alsologtostderr is about");
DEFINE_bool(legacy_stderr_threshold_behavior, true,
            "[Logging] false: --stderrthreshold counts without --log-file, too");
DEFINE_uint64(log_file_max_size, 1800, "[Without effect] rotation is another program's job");
DEFINE_bool(skip_log_headers, false, "[Without effect] files have no header");
DEFINE_bool(one_output, false, "[Without effect] there is one file, with each line once");

namespace hawser::base {
namespace {

absl::StatusOr<google::LogSeverity> Severity(const std::string& flag, const std::string& value) {
  const std::string number = SeverityNumber(value);
  if (number.size() != 1 || number < "0" || number > "3")
    return BadFlag(flag, "must be INFO, WARNING, ERROR, FATAL or 0 to 3");
  return number.front() - '0';
}

}  // namespace

absl::StatusOr<LogOptions> LogOptionsFromFlags() {
  LogOptions options{.headers = !FLAGS_skip_headers, .folders = FLAGS_add_dir_header};
  if (FLAGS_log_format == "json") {
    options.format = LogFormat::kJson;
  } else if (FLAGS_log_format != "text") {
    return BadFlag("log-format", "must be text or json");
  }
  HAWSER_ASSIGN_OR_RETURN(const auto threshold,
                          Severity("stderrthreshold", std::to_string(FLAGS_stderrthreshold)));
  HAWSER_ASSIGN_OR_RETURN(const auto also,
                          Severity("alsologtostderrthreshold", FLAGS_alsologtostderrthreshold));
  // klog's default is true.
  if (!IsGiven("logtostderr") || FLAGS_logtostderr) {
    if (!FLAGS_legacy_stderr_threshold_behavior) options.stderr_from = threshold;
    return options;
  }
  options.file = FLAGS_log_file;
  if (!options.file.empty())
    options.stderr_from = FLAGS_alsologtostderr ? std::min(also, threshold) : threshold;
  return options;
}

}  // namespace hawser::base
