// Perdure inside a program of your own: two C++ functions become steps of a durable order saga. The second order's
// payment is refused, and its reservation is undone. Usage: embed_example [STORE_DIRECTORY]
#include <perdure/perdure.h>

#include <atomic>
#include <cstdio>
#include <string>

namespace {

using namespace perdure::embed;

constexpr const char* k_order = R"(
name: order
input: {type: object, required: [item, cents], properties: {item: {type: string}, cents: {type: integer}}}
steps:
  - id: reserve
    call: shop.reserve
    with: {item: "${ .input.item }"}
    compensation: {call: shop.release, with: {item: "${ $args.item }"}}
  - id: charge
    call: shop.charge
    with: {cents: "${ .input.cents }"}
    retry: {initial: 10ms, max_attempts: 3}
output: "${ {receipt: .steps.charge.output.receipt} }"
)";

int show(const Result<Run>& run) {
  if (!run) return std::printf("error: %s\n", run.error().message.c_str()), 1;
  std::printf("%s: %s %s\n", run->id.c_str(), run->status.c_str(),
              run->status == "completed" ? run->output.c_str() : run->error_type.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::atomic<int> in_stock{10};
  std::atomic<int> charges{0};
  const Function reserve = [&](Call&) {
    --in_stock;
    return Answer::success();
  };
  const Function release = [&](Call&) {
    ++in_stock;
    return Answer::success();
  };
  const Function charge = [&](Call& call) {
    if (++charges == 1) return Answer::fail("bank.busy", "The bank is busy");  // tried again
    const std::string arguments(call.arguments());
    if (arguments.find("99999") != std::string::npos)
      return Answer::fail("card.declined", "The card was declined", Again::never);
    return Answer::success(R"({"receipt": "R-1"})");
  };

  auto engine = Engine::open({.directory = argc > 1 ? argv[1] : "", .outside = false},
                             {{"shop.reserve", reserve}, {"shop.release", release}, {"shop.charge", charge}});
  if (!engine) return std::printf("error: %s\n", engine.error().message.c_str()), 1;

  for (const auto& [id, input] : {std::pair{"order-1", R"({"item": "tea", "cents": 450})"},
                                  std::pair{"order-2", R"({"item": "car", "cents": 99999})"}}) {
    const auto started = (*engine)->start(k_order, input, id);
    if (!started) return show(started);
    if (show((*engine)->wait(id, std::chrono::seconds(30))) != 0) return 1;
  }
  std::printf("in stock: %d\n", in_stock.load());
  return in_stock == 9 ? 0 : 1;
}
