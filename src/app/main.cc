// The binary: hands the concrete parts to the command line.
#include "app/wiring.h"
#include "base/json.h"
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

cli::Backend backend() {
  cli::Backend b;
  b.version = PERDURE_VERSION;
  b.open = [](const cli::OpenOptions& o) {
    EngineOptions options;
    options.dir = o.dir;
    options.dormant = o.drive == cli::Drive::nothing;
    options.allow_private_addresses = o.allow_private_addresses;
    return make_engine(std::move(options));
  };
  b.verify_store = verify;
  b.inspect_store = inspect;
  b.backup_store = backup;
  return b;
}

}  // namespace
}  // namespace perdure::app

int main(int argc, char** argv) { return perdure::cli::run(argc, argv, perdure::app::backend()); }
