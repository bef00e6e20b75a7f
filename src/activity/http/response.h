#pragma once
// What an answer means for the step: its output, or the error and how it is to be treated.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "activity/activity.h"
#include "activity/http/request.h"

namespace perdure::activity {

struct HttpResponse {
  int status = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;
  const std::string* header(std::string_view lower_name) const;  // the first, or nullptr
};

// What `request.output` asks for. The body is parsed when its content type is JSON and it is.
Outcome success_of(const HttpRequest& request, HttpResponse response);
// `http.STATUS`, classed by the status and by Retry-After.
Outcome refusal_of(const HttpRequest& request, const HttpResponse& response, const std::vector<std::string>& secrets,
                   TimeMs now_ms);

// Retry-After, seconds or a date; 0 when it is absent or in the past. At most a day.
DurationMs retry_after_ms(const HttpResponse& response, TimeMs now_ms);
// The text without what `secrets` has.
std::string redacted(std::string text, const std::vector<std::string>& secrets);

}  // namespace perdure::activity
