#pragma once
// Watching a run that an engine in this process carries out, until it is closed, waits for somebody, or Ctrl-C.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "engine/engine.h"
#include "plan/plan.h"

namespace perdure::cli {

enum class Patience {
  until_idle,    // comes back as soon as nothing runs, whatever it waits for
  until_stuck,   // sits out timers and retries; comes back when only a signal or a decision can move it
  until_closed,  // sits out deadlines of signals and reviews too
};

struct DriveOptions {
  Patience patience = Patience::until_stuck;
  bool prompt = false;         // ask for reviews on the terminal
  bool quiet = false;          // no progress
  bool starting = false;       // the run was started by this command: what it lacks is told already
  bool message = false;        // a message was sent: exit code 0 however the run goes on
  bool stopping = false;       // the run was told to stop: exit code 0 when it ended so, all undone
  std::uint64_t from_seq = 1;  // events before it are folded, not shown
};

// Shows progress on stderr (or events on stdout with --json) and the end's output on stdout. Gives the exit code.
// Lets go of the run on Ctrl-C and prints the command that goes on with it.
Result<int> drive(Session& session, engine::Engine& engine, const RunKey& run, const DriveOptions& options);

// The result of a run as `drive` prints it at the end; gives the exit code. `signals`: what it listens for.
int print_result(Session& session, const engine::RunView& run, const DriveOptions& options,
                 const std::vector<std::string>& signals = {});

// --until-idle, --to-end and --quiet of verbs that drive.
DriveOptions drive_options(const Session& session);
void add_drive_flags(std::vector<Flag>& flags);

}  // namespace perdure::cli
