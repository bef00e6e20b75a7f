#pragma once
// One command being carried out: its arguments, the terminal, the store it works on.
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "cli/backend.h"
#include "cli/io.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace perdure::cli {

// Exit codes (SPEC 2.8; docs/cli.md).
inline constexpr int k_exit_ok = 0;
inline constexpr int k_exit_failed = 1;
inline constexpr int k_exit_invalid = 2;
inline constexpr int k_exit_waiting = 3;
inline constexpr int k_exit_interrupted = 130;

inline constexpr std::size_t k_export_bytes_max = std::size_t{1} << 30;  // of an exported run that is read back

// An open engine; closed cleanly when it goes out of scope, runs that are not over go on at the next opening.
class OpenEngine {
 public:
  explicit OpenEngine(std::unique_ptr<engine::Engine> engine) : engine_(std::move(engine)) {}
  OpenEngine(OpenEngine&&) = default;
  OpenEngine& operator=(OpenEngine&&) = delete;
  ~OpenEngine() {
    if (engine_) engine_->shutdown();
  }
  engine::Engine* operator->() const { return engine_.get(); }
  engine::Engine& operator*() const { return *engine_; }

 private:
  std::unique_ptr<engine::Engine> engine_;
};

class Session {
 public:
  Session(const Backend& backend, Io& io, Arguments arguments);

  const Backend& backend;
  Io& io;
  const Arguments args;
  const bool json;

  Palette out_palette() const;  // colours of stdout
  Palette err_palette() const;
  bool unicode() const { return unicode_; }
  std::size_t out_width() const;  // columns of stdout for tables; 0 when piped: nothing is clipped

  // --store, PERDURE_STORE, $XDG_DATA_HOME/perdure, ~/.local/share/perdure.
  Result<std::filesystem::path> store() const;
  // " --store DIR" when it was given as a flag, so that commands we print for the user work as they are.
  std::string store_words() const;
  Result<OpenEngine> open(Drive drive, bool allow_private_addresses = true) const;
  // Like open, for reading: a store that is not there yet has nothing in it and is not made.
  Result<OpenEngine> open_existing(Drive drive) const;

  // What is at a URL, by the rules for http steps.
  Result<std::string> fetch(const std::string& url, std::size_t bytes_max) const;
  // Of --secret-file, which is read once, and the environment.
  Result<SecretLookup> secrets() const;
  // `invalid` when a secret that the plan reads has no value here.
  Status require_secrets(const plan::Plan& plan) const;

  Result<RunKey> run_key(std::string_view id) const;
  std::string user() const;  // --as, else the login name

  void print(std::string_view text) { io.out(text); }
  void print_json(const Value& value);  // one line with --json, else indented and harmless to a terminal
  void say(std::string_view line);      // to people; nothing with --json or --quiet

 private:
  OpenOptions http_options(bool allow_private_addresses) const;
  bool colored(bool terminal) const;
  bool unicode_ = true;
  mutable std::shared_ptr<const Value> secret_file_;
};

// "perdure: error: what; what to do next", or as JSON; gives the exit code.
int report(Io& io, const Error& error, bool json);

}  // namespace perdure::cli
