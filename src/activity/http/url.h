#pragma once
// A URL of scheme http or https, as libcurl reads it: what is checked here is what is connected to.
#include <memory>
#include <string>
#include <string_view>

#include "activity/args.h"
#include "base/result.h"
#include "net/redirect.h"

namespace perdure::activity {

class Url {
 public:
  Url() = default;
  // Without user and password: take_user gives and removes them. Errors: invalid.
  static Result<Url> parse(const std::string& text);
  // Where a Location header leads from here; user and password in it are dropped.
  Result<Url> resolve(const std::string& location) const;

  const std::string& text() const { return text_; }            // to be requested: no fragment
  const std::string& printable() const { return printable_; }  // for people: no query either
  const net::Origin& origin() const { return origin_; }
  const std::string& user() const { return user_; }  // decoded
  const std::string& password() const { return password_; }
  // Appends the pairs, percent-encoded, to the query.
  Status add_query(const TextPairs& query);

 private:
  static Result<Url> from_handle(void* curl_url);
  std::string text_;
  std::string printable_;
  net::Origin origin_;
  std::string user_;
  std::string password_;
};

std::string percent_encoded(std::string_view text);

}  // namespace perdure::activity
