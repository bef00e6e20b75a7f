#include "sim/scenario.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sim/flow_program.h"
#include "sim/program.h"
#include "sim/random.h"

namespace perdure::sim {
namespace {

constexpr std::array<std::string_view, k_acts> k_act_names{
    "turns",  "settle",   "answer",         "answers",   "advance",    "jump",  "start",   "signal", "update",
    "review", "pause",    "resume",         "cancel",    "terminate",  "retry", "restart", "query",  "stop_soon",
    "crash",  "shutdown", "second_process", "fill_disk", "checkpoint", "rot",   "publish"};

// How often an act comes, of a thousand.
struct Weight {
  Act act;
  std::uint32_t of_thousand;
};
// Many faults for few steps.
constexpr Weight k_wild[] = {
    {Act::turns, 260},    {Act::answer, 140},  {Act::answers, 20},    {Act::advance, 110},       {Act::start, 80},
    {Act::signal, 77},    {Act::update, 33},   {Act::review, 44},     {Act::pause, 15},          {Act::resume, 20},
    {Act::cancel, 7},     {Act::terminate, 5}, {Act::retry, 7},       {Act::restart, 3},         {Act::query, 9},
    {Act::stop_soon, 40}, {Act::crash, 30},    {Act::shutdown, 10},   {Act::second_process, 20}, {Act::fill_disk, 20},
    {Act::jump, 20},      {Act::settle, 15},   {Act::checkpoint, 15},
};
// Many steps for each fault.
constexpr Weight k_busy[] = {
    {Act::turns, 60},     {Act::answer, 20},   {Act::answers, 270},   {Act::advance, 200},      {Act::start, 120},
    {Act::signal, 60},    {Act::update, 30},   {Act::review, 60},     {Act::pause, 6},          {Act::resume, 20},
    {Act::cancel, 3},     {Act::terminate, 2}, {Act::retry, 6},       {Act::restart, 3},        {Act::query, 5},
    {Act::stop_soon, 25}, {Act::crash, 10},    {Act::shutdown, 5},    {Act::second_process, 5}, {Act::fill_disk, 10},
    {Act::jump, 10},      {Act::settle, 60},   {Act::checkpoint, 10},
};

// What is decided about flows is decided apart, so that worlds without any are what they were before there were flows.
constexpr std::uint64_t k_flow_stream = 7'000, k_rare_stream = 8'000;

// What is rare by itself is made to meet what it needs to matter.
void make_rare(Random& random, bool rots, Settings& s) {
  const bool few = s.runs_max <= Settings{}.runs_max;  // of a busy world's thousands of answers each would be in memory
  if (rots && random.chance(40)) s.big_percent = few ? 15 : 1;  // a blob that may rot
  if (s.big_percent != 0 && random.chance(40)) s.retention_ms = std::uint64_t{1000} * random.between(600, 7200);
  if (s.snapshot_over_bytes < 8'000 && random.chance(20)) s.compact_over_events = random.between(20, 200);
  if (s.in_flight < 5 && random.chance(50)) s.at_once_percent = 5;  // most wait in the queue
  if (random.chance(25)) s.resized = 1;
}

template <std::size_t N>
Act pick(Random& random, const Weight (&weights)[N]) {
  std::uint32_t at = random.below(1000);
  for (const Weight& weight : weights) {
    if (at < weight.of_thousand) return weight.act;
    at -= weight.of_thousand;
  }
  return Act::settle;
}

Settings random_settings(Random& random, std::uint64_t seed, bool busy) {
  Settings s;
  s.seed = seed;
  s.error_one_in = random.chance(30) ? random.between(8, 40) : random.chance(60) ? random.between(40, 400) : 0;
  if (busy && s.error_one_in != 0) s.error_one_in *= 8;
  s.first_segment_bytes = std::uint64_t{4096} * random.between(3, 12);
  s.overlay_bytes = random.chance(8) && !busy ? 3 : random.chance(60) ? random.between(2'000, 40'000) : 1 << 20;
  if (busy) s.overlay_bytes *= 16;
  if (Random(mix(s.seed, s.overlay_bytes)).chance(45)) s.group_bytes = 2'000;
  s.cache_bytes = random.chance(40) ? random.between(1'000, 40'000) : std::uint64_t{8} << 20;
  s.timers_in_memory = random.chance(40) ? random.between(1, 4) : 1000;
  s.shards = random.between(1, 3);
  s.in_order = random.chance(40) ? 1 : 0;
  if (random.chance(30)) s.in_flight = random.between(1, 4);
  s.boot_crash_one_in = busy ? 12 : 6;
  s.crash_at_end = random.chance(30) ? 1 : 0;
  if (random.chance(35)) s.read_error_one_in = random.between(10, 400);
  if (random.chance(10)) s.slow_one_in = random.between(20, 200);
  if (random.chance(6)) s.big_percent = random.between(2, 10);
  if (random.chance(50)) s.snapshot_over_bytes = random.between(200, 8'000);
  if (random.chance(8)) s.compact_over_events = random.between(20, 200);
  if (random.chance(8)) s.retention_ms = std::uint64_t{1000} * random.between(20, 7200);
  if (busy) {
    if (random.chance(70)) s.cache_bytes = std::uint64_t{8} << 20;
    s.cache_bytes *= 8;
    s.in_flight *= 4;
    s.at_once_percent = 85;
    s.refused_percent = 3;
    s.lost_percent = 1;
    s.big_percent = std::min<std::uint64_t>(s.big_percent, 1);
    s.runs_max = random.between(20, 60);
    s.replay_one_in = 16;
  }
  return s;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view taken = line.substr(0, end);
  line = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
  return taken;
}

bool read_operation(std::string_view line, Scenario& out) {
  const std::string_view name = word(line);
  std::size_t act = 0;
  while (act < k_acts && k_act_names[act] != name) ++act;
  const auto roll = number(word(line));
  if (act == k_acts || !roll || (!line.empty() && line != "quiet")) return false;
  out.operations.push_back({static_cast<Act>(act), *roll, line == "quiet"});
  return true;
}

bool read_setting(std::string_view line, Settings& settings) {
  const std::string_view name = word(line);
  const auto value = number(line);
  for (const Knob& knob : k_knobs) {
    if (name != knob.name || !value) continue;
    settings.*knob.value = *value;
    return true;
  }
  return false;
}

bool read_line(std::string_view line, Scenario& out) {
  const std::string_view what = word(line);
  if (what == "op") return read_operation(line, out);
  if (what == "set") return read_setting(line, out.settings);
  if (what == "child" || what == "program") {
    const std::string_view name = word(line);
    (what == "child" ? out.children : out.programs).push_back({std::string(name), std::string(line)});
    return true;
  }
  const auto seed = what == "seed" ? number(line) : std::nullopt;
  if (seed) out.settings.seed = *seed;
  return seed.has_value();
}

}  // namespace

std::string_view to_string(Act act) { return k_act_names[static_cast<std::size_t>(act)]; }

Scenario make_scenario(std::uint64_t seed, Mix mix) {
  Random random(seed);
  Scenario scenario;
  const bool busy = random.one_in(25) || mix == Mix::busy;
  scenario.settings = random_settings(random, seed, busy);
  const bool rots = random.chance(8);
  Random rare(sim::mix(seed, k_rare_stream));
  make_rare(rare, rots, scenario.settings);
  ProgramRules rules;
  rules.busy = busy;
  rules.huge = scenario.settings.big_percent != 0 && !busy;
  rules.storm = random.chance(busy ? 10 : 1);
  rules.crowded = scenario.settings.in_flight < 5;
  rules.nested = scenario.settings.retention_ms != 0 && !busy;
  rules.rated = !busy;  // not a thousand times two a second
  // A commit of megabytes in groups of kilobytes, each padded to a block, is larger than a segment.
  if (rules.storm || rules.huge) scenario.settings.group_bytes = Settings{}.group_bytes;
  const bool flows = !rules.storm && Random(sim::mix(seed, k_flow_stream)).chance(40);
  const auto add = [&](std::vector<Program>& to, const std::string& name, int depth,
                       std::vector<std::string> subflows) {
    rules.name = name;
    rules.depth = depth;
    rules.subflows = std::move(subflows);
    const std::uint64_t program = scenario.programs.size() + scenario.children.size();
    const bool flow = flows && Random(sim::mix(seed, k_flow_stream + 1 + program)).chance(70);
    to.push_back({name, flow ? random_flow(random, rules) : random_program(random, rules)});
  };
  for (std::uint32_t i = random.between(1, 3); i > 0; --i)
    add(scenario.programs, "w" + std::to_string(i), busy ? 2 : 3, {"leaf", "child"});
  rules.busy = rules.storm = false;
  add(scenario.children, "leaf", 1, {});
  add(scenario.children, "child", 2, {"leaf"});
  const std::uint32_t operations = busy ? random.between(100, 300) : random.between(40, 159);
  for (std::uint32_t i = 0; i < operations; ++i) {
    Act act = busy ? pick(random, k_busy) : pick(random, k_wild);
    if (rots && (act == Act::shutdown || act == Act::second_process)) act = Act::rot;
    const bool message = act == Act::signal || act == Act::update || act == Act::review;
    if (flows && message && Random(sim::mix(seed, k_flow_stream + 100 + i)).chance(50)) act = Act::publish;
    scenario.operations.push_back({act, random.next() >> 16, false});
  }
  return scenario;
}

std::string write_scenario(const Scenario& scenario) {
  const Settings plain;
  std::string out = "seed " + std::to_string(scenario.settings.seed) + "\n";
  for (const Knob& knob : k_knobs)
    if (scenario.settings.*knob.value != plain.*knob.value)
      out += std::string("set ") + knob.name + " " + std::to_string(scenario.settings.*knob.value) + "\n";
  for (const Program& program : scenario.children) out += "child " + program.name + " " + program.text + "\n";
  for (const Program& program : scenario.programs) out += "program " + program.name + " " + program.text + "\n";
  for (const Operation& operation : scenario.operations)
    out += "op " + std::string(to_string(operation.act)) + " " + std::to_string(operation.roll) +
           (operation.quiet ? " quiet" : "") + "\n";
  return out;
}

Result<Scenario> read_scenario(std::string_view text) {
  Scenario scenario;
  std::size_t line_number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++line_number;
    if (line.empty() || line[0] == '#') continue;
    if (!read_line(line, scenario))
      return fail(ErrorCode::invalid, "line " + std::to_string(line_number) + ": '" + std::string(line.substr(0, 60)) +
                                          "' is no line of a scenario");
  }
  if (scenario.programs.empty()) return fail(ErrorCode::invalid, "a scenario needs a program");
  return scenario;
}

}  // namespace perdure::sim
