#pragma once
// What the command line needs from the outside: an engine on a store and the store's offline tools. `app` fills it in,
// so that nothing here names a concrete store, driver or runtime.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "cli/secrets.h"
#include "engine/engine.h"

namespace perdure::cli {

// How much an engine does by itself once it is open.
enum class Drive {
  nothing,     // reads, and records messages; no activity starts, no timer fires
  everything,  // live runs of the store are recovered and go on
};

struct OpenOptions {
  std::filesystem::path dir;  // made when it does not exist; empty: a store in memory, for proofs
  Drive drive = Drive::everything;
  bool allow_private_addresses = true;            // of http steps
  std::string http_ca_file = {};                  // PERDURE_HTTP_CA_FILE
  std::vector<std::string> http_connect_to = {};  // PERDURE_HTTP_CONNECT_TO
  SecretLookup secrets = {};                      // from any thread
};

struct Backend {
  std::string version;          // "0.1.0"
  std::string build;            // how it was built, one line; may be empty
  std::string containers = {};  // what runs containers here, "docker podman"; empty: nothing does
  std::function<Result<std::unique_ptr<engine::Engine>>(const OpenOptions&)> open;

  // What is at an https URL, at most `bytes_max` of it; addresses are checked as those of http steps are. Of `options`
  // only what concerns http counts.
  std::function<Result<std::string>(const std::string& url, std::size_t bytes_max, const OpenOptions& options)> fetch;

  // Offline, on a store no process holds. verify: {"sound": bool, "findings": […], …}; inspect: an object.
  std::function<Result<Value>(const std::filesystem::path& dir)> verify_store;
  std::function<Result<Value>(const std::filesystem::path& dir)> inspect_store;
  std::function<Status(const std::filesystem::path& dir, const std::filesystem::path& target)> backup_store;

  // Runs the named workloads (all when empty), prints by itself, gives the exit code.
  std::function<int(const std::vector<std::string>& workloads, const std::filesystem::path& dir, bool json)> bench;
  std::vector<std::string> workloads;  // for help and completion
};

}  // namespace perdure::cli
