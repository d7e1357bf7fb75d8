#include "examples/proxy_test_client/http_response.h"

#include <http_parser.h>

#include <array>

#include "lib/base/status.h"

namespace hawser::examples {
namespace {

// Feeds http-parser, which calls back into it.
class ResponseReader {
 public:
  explicit ResponseReader(bool to_connect) : to_connect_(to_connect) {
    http_parser_init(&parser_, HTTP_RESPONSE);
    parser_.data = this;
  }

  absl::StatusOr<HttpResponse> Read(BIO& channel) {
    while (!complete_) {
      std::array<char, 16384> space;
      HAWSER_ASSIGN_OR_RETURN(const size_t count, examples::Read(channel, space));
      const size_t used = http_parser_execute(&parser_, Callbacks(), space.data(), count);
      if (complete_) {
        if (parser_.upgrade && used < count)
          return absl::InternalError(std::to_string(count - used) + " bytes follow the answer");
        break;
      }
      if (const http_errno error = HTTP_PARSER_ERRNO(&parser_); error != HPE_OK)
        return absl::InternalError(std::string("bad HTTP response: ") +
                                   http_errno_description(error));
      if (count == 0) return absl::UnavailableError("the connection ended before the answer did");
    }
    response_.status = static_cast<int>(parser_.status_code);
    return std::move(response_);
  }

 private:
  static ResponseReader& Self(http_parser* parser) {
    return *static_cast<ResponseReader*>(parser->data);
  }

  static const http_parser_settings* Callbacks() {
    static const http_parser_settings settings = [] {
      http_parser_settings callbacks;
      http_parser_settings_init(&callbacks);
      callbacks.on_status = [](http_parser* parser, const char* text, size_t size) {
        Self(parser).response_.reason.append(text, size);
        return 0;
      };
      callbacks.on_headers_complete = [](http_parser* parser) {
        constexpr int kNoBodyAndUpgrade = 2;
        const bool tunnel = Self(parser).to_connect_ && parser->status_code == HTTP_STATUS_OK;
        return tunnel ? kNoBodyAndUpgrade : 0;
      };
      callbacks.on_body = [](http_parser* parser, const char* text, size_t size) {
        std::string& body = Self(parser).response_.body;
        if (body.size() + size > HttpResponse::kMostBody) return 1;
        body.append(text, size);
        return 0;
      };
      callbacks.on_message_complete = [](http_parser* parser) {
        Self(parser).complete_ = true;
        http_parser_pause(parser, 1);  // what follows is another message
        return 0;
      };
      return callbacks;
    }();
    return &settings;
  }

  const bool to_connect_;
  http_parser parser_;
  bool complete_ = false;
  HttpResponse response_;
};

}  // namespace

absl::StatusOr<HttpResponse> ReadResponse(BIO& channel) {
  return ResponseReader(/*to_connect=*/false).Read(channel);
}

absl::StatusOr<HttpResponse> ReadConnectResponse(BIO& channel) {
  return ResponseReader(/*to_connect=*/true).Read(channel);
}

}  // namespace hawser::examples
