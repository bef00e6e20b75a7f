#include "cli/session.h"

#include <fmt/format.h>

#include <sstream>

#include "base/json.h"

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

Result<OpenEngine> Session::open(Drive drive, bool allow_private_addresses) const {
  PERDURE_TRY(dir, store());
  OpenOptions options{.dir = dir, .drive = drive, .allow_private_addresses = allow_private_addresses};
  options.http_ca_file = io.env("PERDURE_HTTP_CA_FILE").value_or("");
  std::istringstream routes(io.env("PERDURE_HTTP_CONNECT_TO").value_or(""));
  for (std::string route; std::getline(routes, route, ',');) options.http_connect_to.push_back(std::move(route));
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
