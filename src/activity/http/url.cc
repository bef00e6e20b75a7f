#include "activity/http/url.h"

#include <curl/curl.h>

#include <charconv>
#include <cstdlib>

namespace perdure::activity {
namespace {

struct Release {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
using Handle = std::unique_ptr<CURLU, Release>;

constexpr std::size_t k_url_bytes_max = 64 * 1024;

std::string part(CURLU* handle, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, what, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool is_http(std::string_view scheme) { return scheme == "http" || scheme == "https"; }

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::invalid, "is no URL of scheme http or https: " + std::string(why));
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  static constexpr char k_hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', k_hex[byte >> 4], k_hex[byte & 15]};
  }
  return out;
}

// Takes what the handle has apart; the handle loses its user, password and fragment.
Result<Url> Url::from_handle(void* curl_url) {
  CURLU* handle = static_cast<CURLU*>(curl_url);
  Url url;
  url.origin_.scheme = part(handle, CURLUPART_SCHEME);
  if (!is_http(url.origin_.scheme)) return bad("its scheme is '" + url.origin_.scheme + "'");
  url.origin_.host = part(handle, CURLUPART_HOST);
  for (char& c : url.origin_.host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (url.origin_.host.empty()) return bad("it has no host");
  const std::string port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), url.origin_.port);
  url.user_ = part(handle, CURLUPART_USER, CURLU_URLDECODE);
  url.password_ = part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE);
  for (const CURLUPart gone : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT}) {
    curl_url_set(handle, gone, nullptr, 0);
  }
  url.text_ = part(handle, CURLUPART_URL);
  if (url.text_.empty()) return bad("it can't be written");
  url.printable_ = url.text_.substr(0, url.text_.find('?'));
  return url;
}

Result<Url> Url::parse(const std::string& text) {
  if (text.size() > k_url_bytes_max) return bad("it is longer than 64 KiB");
  if (text.find('\0') != std::string::npos) return bad("it has a NUL byte");
  const Handle handle(curl_url());
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), CURLU_URLENCODE);
  if (code != CURLUE_OK) {
    // An address without a scheme is the commonest mistake; libcurl calls it a bad scheme or a bad port.
    if (text.find("://") == std::string::npos) return bad("it must start with http:// or https://");
    return bad(curl_url_strerror(code));
  }
  return from_handle(handle.get());
}

Result<Url> Url::resolve(const std::string& location) const {
  if (location.size() > k_url_bytes_max) return bad("it is longer than 64 KiB");
  const Handle handle(curl_url());
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text_.c_str(), 0);
  if (code == CURLUE_OK) code = curl_url_set(handle.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE);
  if (code != CURLUE_OK) return bad(curl_url_strerror(code));
  PERDURE_TRY(url, from_handle(handle.get()));
  url.user_.clear();
  url.password_.clear();
  return url;
}

Status Url::add_query(const TextPairs& query) {
  for (const auto& [name, value] : query) {
    text_ += text_.find('?') == std::string::npos ? '?' : '&';
    text_ += percent_encoded(name) + "=" + percent_encoded(value);
  }
  if (text_.size() > k_url_bytes_max) return bad("with its query it is longer than 64 KiB");
  return {};
}

}  // namespace perdure::activity
