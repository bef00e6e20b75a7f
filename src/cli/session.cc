#include "cli/session.h"

#include <fmt/format.h>

#include <sstream>

#include "base/json.h"
#include "plan/secrets.h"

namespace perdure::cli {

namespace fs = std::filesystem;

Session::Session(const Backend& the_backend, Io& the_io, Arguments arguments)
    : backend(the_backend), io(the_io), args(std::move(arguments)), json(args.on("--json")) {
  const std::string locale = io.env("LC_ALL").value_or(io.env("LC_CTYPE").value_or(io.env("LANG").value_or("")));
  // "C" and "POSIX" are what minimal containers have; their terminals show UTF-8 all the same only when it is named.
  unicode_ = locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos ||
             locale.find("UTF8") != std::string::npos || locale.find("utf-8") != std::string::npos;
}

bool Session::colored(bool terminal) const {
  const std::string when = args.text_or("--color", "auto");
  if (when == "always") return true;
  if (when == "never" || io.env("NO_COLOR") || io.env("TERM").value_or("") == "dumb") return false;
  return terminal;
}

Palette Session::out_palette() const { return Palette(!json && colored(io.out_is_terminal())); }
Palette Session::err_palette() const { return Palette(colored(io.err_is_terminal())); }
std::size_t Session::out_width() const {
  return io.out_is_terminal() ? static_cast<std::size_t>(io.size().columns) : 0;
}

Result<fs::path> Session::store() const {
  if (const auto given = args.text("--store")) {
    if (given->empty()) return fail(ErrorCode::invalid, "--store is empty; name a folder");
    return fs::path(*given);
  }
  if (const auto given = io.env("PERDURE_STORE")) return fs::path(*given);
  if (const auto data = io.env("XDG_DATA_HOME")) return fs::path(*data) / "perdure";
  if (const auto home = io.env("HOME")) return fs::path(*home) / ".local" / "share" / "perdure";
  return fail(ErrorCode::invalid, "no place for the store: neither HOME nor PERDURE_STORE is set; give --store DIR");
}

std::string Session::store_words() const {
  const auto given = args.text("--store");
  if (!given) return {};
  const bool plain = given->find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%") == std::string::npos;
  if (plain) return " --store " + *given;
  std::string quoted = "'";
  for (const char c : *given) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return " --store " + printable(quoted + "'");
}

OpenOptions Session::http_options(bool allow_private_addresses) const {
  OpenOptions options{.dir = {}, .allow_private_addresses = allow_private_addresses};
  options.http_ca_file = io.env("PERDURE_HTTP_CA_FILE").value_or("");
  std::istringstream routes(io.env("PERDURE_HTTP_CONNECT_TO").value_or(""));
  for (std::string route; std::getline(routes, route, ',');) options.http_connect_to.push_back(std::move(route));
  return options;
}

Result<std::string> Session::fetch(const std::string& url, std::size_t bytes_max) const {
  if (!backend.fetch) return fail(ErrorCode::unsupported, "nothing can be fetched here");
  return backend.fetch(url, bytes_max, http_options(!args.on("--deny-private")));
}

Result<OpenEngine> Session::open(Drive drive, bool allow_private_addresses) const {
  PERDURE_TRY(dir, store());
  OpenOptions options = http_options(allow_private_addresses);
  options.dir = dir;
  options.drive = drive;
  if (drive == Drive::everything) {
    PERDURE_TRY(lookup, secrets());
    options.secrets = std::move(lookup);
  }
  PERDURE_TRY(engine, backend.open(options));
  return OpenEngine(std::move(engine));
}

Result<OpenEngine> Session::open_existing(Drive drive) const {
  PERDURE_TRY(dir, store());
  std::error_code ignored;
  if (!fs::exists(dir, ignored))
    return fail(ErrorCode::not_found,
                fmt::format("there is no store at {}; 'perdure run FILE' makes one, --store DIR names another",
                            printable(dir.string())));
  return open(drive);
}

Result<SecretLookup> Session::secrets() const {
  const auto file = args.text("--secret-file");
  if (!secret_file_ && file) {
    PERDURE_TRY(text, read_file(*file));
    PERDURE_TRY(secrets, parse_secrets(text, *file));
    secret_file_ = std::make_shared<const Value>(std::move(secrets));
  }
  return SecretLookup([file_values = secret_file_, &io = io](const std::string& name) -> std::optional<Value> {
    if (const Value* value = file_values ? file_values->find(name) : nullptr; value != nullptr && !value->is_null())
      return *value;
    const auto text = io.env(plan::secret_variable(name).c_str());
    if (!text) return std::nullopt;
    if (text->starts_with('{'))
      if (auto members = parse_json(*text); members && members->is_object()) return std::move(*members);
    return Value(*text);
  });
}

Status Session::require_secrets(const plan::Plan& plan) const {
  PERDURE_TRY(lookup, secrets());
  if (const auto missing = missing_secrets(plan, lookup)) return fail(ErrorCode::invalid, *missing);
  return {};
}

Result<RunKey> Session::run_key(std::string_view id) const {
  PERDURE_TRY_VOID(check_id("the run id", id));
  return RunKey{.tenant = "default", .id = std::string(id)};
}

std::string Session::user() const {
  if (const auto given = args.text("--as")) return *given;
  return io.env("USER").value_or(io.env("LOGNAME").value_or("cli"));
}

void Session::print_json(const Value& value) {
  if (json) {
    print(to_json(value) + "\n");
    return;
  }
  const std::string text = to_pretty_json(value);
  print((io.out_is_terminal() ? printable(text, true) : text) + "\n");
}

void Session::say(std::string_view line) {
  if (json || args.on("--quiet")) return;
  io.err(std::string(line) + "\n");
}

int report(Io& io, const Error& error, bool json) {
  const int code = error.code == ErrorCode::invalid ? k_exit_invalid : k_exit_failed;
  if (json) {
    const Value document = Value::object(
        {{"error", Value::object({{"code", to_string(error.code)}, {"message", error.message}, {"exit_code", code}})}});
    io.err(to_json(document) + "\n");
  } else {
    io.err("perdure: error: " + printable(error.message, true) + "\n");
  }
  return code;
}

}  // namespace perdure::cli
