// What the targets of the issue are measured with: a document of about 500 bytes, already parsed.
#include <benchmark/benchmark.h>

#include <string>

#include "base/json.h"
#include "expr/expr.h"

namespace perdure::expr {
namespace {

constexpr std::string_view k_document =
    R"({"a":{"b":41,"c":"text","d":[1,2,3]},"b":7,"items":[)"
    R"({"id":"item-1","name":"first thing","price":12.5,"tags":["red","new"]},)"
    R"({"id":"item-2","name":"second thing","price":3.25,"tags":["blue"]},)"
    R"({"id":"item-3","name":"third thing","price":99.99,"tags":[]},)"
    R"({"id":"item-4","name":"fourth thing","price":0.5,"tags":["red","old","sale"]}],)"
    R"("customer":{"id":"c-1001","email":"someone@example.com","address":{"city":"Berlin","zip":"10115"}},)"
    R"("status":"open","total":116.24,"created_at":"2026-01-02T03:04:05Z"})";

const char* const k_programs[] = {".a.b",
                                  ".items | length > 3",
                                  "{x: .a, y: (.b+1)}",
                                  ".status == \"open\" and .total > 100",
                                  "\"order \\(.customer.id) of \\(.total)\"",
                                  ".items | map(.price) | add",
                                  "[.items[] | select(.price > 1) | {id, n: (.tags | length)}]",
                                  ".items |= map(.price += 1)",
                                  "reduce .items[] as $i (0; . + $i.price)",
                                  ".customer.email | test(\"@example\\\\.com$\")",
                                  "[range(1000)] | map(. * 2) | add"};

void evaluate(benchmark::State& state) {
  const char* source = k_programs[state.range(0)];
  state.SetLabel(source);
  const auto program = Program::compile(source).value();
  const Value document = parse_json(k_document).value();
  for (auto _ : state) {
    auto result = program->evaluate(document);
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(evaluate)->DenseRange(0, std::size(k_programs) - 1);

void compile(benchmark::State& state) {
  const char* source = k_programs[state.range(0)];
  state.SetLabel(source);
  for (auto _ : state) {
    auto program = Program::compile(source);
    benchmark::DoNotOptimize(program);
  }
}
BENCHMARK(compile)->DenseRange(0, std::size(k_programs) - 1);

void read_json(benchmark::State& state) {
  for (auto _ : state) {
    auto value = parse_json(k_document);
    benchmark::DoNotOptimize(value);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * k_document.size()));
}
BENCHMARK(read_json);

void write_json(benchmark::State& state) {
  const Value document = parse_json(k_document).value();
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_json(out, document);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * out.size()));
}
BENCHMARK(write_json);

}  // namespace
}  // namespace perdure::expr

BENCHMARK_MAIN();
