#include "cli/cli.h"

#include "cli/session.h"

namespace perdure::cli {

int run(const std::vector<std::string>& words, const Backend& backend, Io& io) {
  const bool json = asks_for_json(words);
  const Result<Parsed> parsed = parse_arguments(words, backend.version);
  if (!parsed) return report(io, parsed.error(), json);
  if (parsed->help) {
    io.out(*parsed->help);
    return k_exit_ok;
  }
  Session session(backend, io, parsed->arguments);
  const Result<int> code = parsed->verb->run(session);
  if (!code) return report(io, code.error(), session.json);
  if (io.output_failed()) {
    const Error error{ErrorCode::io, "standard output could not be written completely; make room and try again"};
    return report(io, error, session.json);
  }
  return *code;
}

int run(int argc, char** argv, const Backend& backend) {
  const std::unique_ptr<Io> io = make_io();
  return run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), backend, *io);
}

}  // namespace perdure::cli
