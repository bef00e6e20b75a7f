// The binary: hands the concrete parts to the command line.
#include <cstdlib>
#include <string_view>

#include "activity/shell/container.h"
#include "app/wiring.h"
#include "base/json.h"
#include "bench/bench.h"
#include "cli/cli.h"
#include "storage/embedded/embedded_store.h"

namespace perdure::app {
namespace {

Result<Value> verify(const std::filesystem::path& dir) {
  PERDURE_TRY(store, storage::open_embedded(dir.string()));
  PERDURE_TRY(report, store->verify());
  std::vector<Value> findings;
  for (const Error& damage : report.damage) findings.emplace_back(damage.message);
  return Value::object({{"sound", findings.empty()},
                        {"runs", report.runs},
                        {"batches", report.batches},
                        {"bytes", report.bytes},
                        {"findings", Value::array(std::move(findings))}});
}

Result<Value> inspect(const std::filesystem::path& dir) {
  PERDURE_TRY(text, storage::inspect_embedded(dir.string()));
  return parse_json(text);
}

Status backup(const std::filesystem::path& dir, const std::filesystem::path& target) {
  PERDURE_TRY(store, storage::open_embedded(dir.string()));
  return store->backup(target.string());
}

Result<std::unique_ptr<engine::Engine>> open_for_bench(bench::EngineRequest request) {
  EngineOptions options;
  options.dir = request.dir;
  options.outside = false;
  options.functions.push_back({"http", request.function, {.trivial = true}});  // nothing goes out
  options.functions.push_back({"bench.step", std::move(request.function), {.trivial = true}});
  options.runtime.retention_ms = request.retention_ms;
  return make_engine(std::move(options));
}

int run_bench(const std::vector<std::string>& workloads, const std::filesystem::path& dir, bool json) {
  bench::Options options;
  options.workloads = workloads;
  options.dir = dir;
  options.json = json;
  options.open = open_for_bench;
  return bench::run(options);
}

cli::Backend backend() {
  cli::Backend b;
  b.version = PERDURE_VERSION;
  const char* path = std::getenv("PATH");
  b.containers = activity::container_engines(path != nullptr ? path : "");
  b.open = [](const cli::OpenOptions& o) {
    EngineOptions options;
    options.dir = o.dir;
    options.dormant = o.drive == cli::Drive::nothing;
    options.allow_private_addresses = o.allow_private_addresses;
    options.http_ca_file = o.http_ca_file;
    options.http_connect_to = o.http_connect_to;
    options.runtime.secrets = o.secrets;
    return make_engine(std::move(options));
  };
  b.fetch = [](const std::string& url, std::size_t bytes_max, const cli::OpenOptions& o) {
    EngineOptions options;
    options.allow_private_addresses = o.allow_private_addresses;
    options.http_ca_file = o.http_ca_file;
    options.http_connect_to = o.http_connect_to;
    return fetch(url, bytes_max, std::move(options));
  };
  b.verify_store = verify;
  b.inspect_store = inspect;
  b.backup_store = backup;
  b.bench = run_bench;
  b.workloads = bench::workloads();
  return b;
}

}  // namespace
}  // namespace perdure::app

#ifdef PERDURE_JEMALLOC
// Few arenas, and memory given back to the system soon: a burst must not be what the process weighs for ever.
extern "C" const char* malloc_conf;
const char* malloc_conf = "background_thread:true,narenas:4,dirty_decay_ms:200,muzzy_decay_ms:0";
#endif

int main(int argc, char** argv) {
  // perdure bench --recovery-victim RUNS --store DIR: the half of the `recovery` workload that gets killed.
  if (argc == 6 && std::string_view(argv[2]) == "--recovery-victim")
    return perdure::bench::recovery_victim(argv[5], std::strtoul(argv[3], nullptr, 10), perdure::app::open_for_bench);
  return perdure::cli::run(argc, argv, perdure::app::backend());
}
