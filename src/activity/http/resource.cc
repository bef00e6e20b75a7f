#include "activity/http/resource.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "activity/outcome.h"
#include "base/json.h"

namespace perdure::activity {
namespace {

constexpr std::string_view k_file = "file://";
constexpr int k_redirects = 20;

std::string text_member(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

}  // namespace

std::string Resource::uri() const { return path.empty() ? text_member(request, "url") : std::string(k_file) + path; }

Url Resource::url() const {
  auto parsed = Url::parse(uri());
  return parsed ? *std::move(parsed) : Url();
}

std::string Resource::printable() const {
  const Url parsed = url();
  return parsed.text().empty() ? head(valid_utf8(uri()), 200) : parsed.printable();
}

std::string Resource::key() const {
  return content ? "content:" + *content + to_json(files) : path.empty() ? to_json(request) : uri();
}

Result<Resource> Resource::beside(const std::string& relative) const {
  Resource other = *this;
  other.content.reset();
  if (!path.empty()) {
    other.path = (std::filesystem::path(path).parent_path() / relative).lexically_normal().string();
    return other;
  }
  PERDURE_TRY(base, Url::parse(uri()));
  PERDURE_TRY(url, base.resolve(relative));
  if (url.origin() != base.origin()) other.request.erase("auth");
  other.request.set("url", Value(url.text()));
  return other;
}

Resource read_resource(Args& args, std::string_view name, std::size_t bytes_max) {
  Resource resource;
  resource.bytes_max = bytes_max;
  resource.request = Value::object({{"redirects", k_redirects}, {"max_body", bytes_max}});
  if (args.object(name) == nullptr) args.wrong(name, "must say where it is: {endpoint: URI}");
  args.nested(name, [&](Args& inner) {
    (void)inner.any("name");
    resource.content = inner.text("content");
    if (const Value* files = inner.object("files")) resource.files = *files;
    std::string uri;
    const Value* endpoint = inner.any("endpoint");
    if (endpoint != nullptr && endpoint->is_object()) {
      inner.nested("endpoint", [&](Args& at) {
        uri = at.required_text("uri");
        if (const Value* auth = at.any("authentication")) resource.request.set("auth", *auth);
      });
    } else {
      uri = resource.content ? inner.text("endpoint").value_or("") : inner.required_text("endpoint");
    }
    if (uri.starts_with(k_file)) {
      resource.path = uri.substr(k_file.size());
      if (!resource.path.starts_with("/") && !resource.content)
        inner.wrong("endpoint", "names no file of this machine: that is file:///PATH");
    } else {
      resource.request.set("url", Value(uri));
    }
  });
  return resource;
}

std::variant<HttpRequest, Outcome> resource_request(const Task& task, const Resource& resource,
                                                    std::string_view user_agent, std::string_view error_type) {
  Task fetch = task;
  fetch.args = Bytes(to_json(resource.request));
  fetch.idempotency_key.clear();  // it is the call's
  auto read = read_request(fetch, user_agent);
  if (auto* mistake = std::get_if<Outcome>(&read)) mistake->error.type = error_type;
  else std::get<HttpRequest>(read).output = HttpOutput::bytes;
  return read;
}

Result<std::string> read_local(const Resource& resource) {
  std::error_code error;
  const auto size = std::filesystem::file_size(resource.path, error);
  if (error) return fail(ErrorCode::io, error.message());
  if (size > resource.bytes_max)
    return fail(ErrorCode::exhausted, "it has more than " + std::to_string(resource.bytes_max) + " bytes");
  std::ifstream file(resource.path, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) return fail(ErrorCode::io, "it can't be read");
  return text;
}

}  // namespace perdure::activity
