#include "runtime/secrets.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace perdure::runtime {
namespace {

activity::Outcome answered(const std::string& json) { return activity::Outcome::success(Bytes(json)); }

std::string masked_text(const std::string& json, const std::vector<std::string>& values) {
  return std::string(masked(answered(json), values).result.view());
}

TEST(Masked, WhereverAValueStands) {
  const std::vector<std::string> values{"s3cret/x", "four"};
  EXPECT_EQ(masked_text(R"({"a":"it is s3cret/x!","s3cret/x":[["four"]],"n":4})", values),
            R"({"a":"it is ***!","***":[["***"]],"n":4})");
}

TEST(Masked, ShortValuesOnlyAsWholeTexts) {
  EXPECT_EQ(masked_text(R"(["ann","anna",7,77])", {"ann", "7"}), R"(["***","anna","***",77])");
}

TEST(Masked, ErrorsToo) {
  activity::ActivityError error;
  error.title = "no s3cret";
  error.detail = "s3cret again";
  const auto outcome = masked(activity::Outcome::failure(error), {"s3cret"});
  EXPECT_EQ(outcome.error.title, "no ***");
  EXPECT_EQ(outcome.error.detail, "*** again");
}

TEST(Masked, WhatIsNoJsonIsMaskedWhole) { EXPECT_EQ(masked_text("s3cret", {"s3cret"}), R"("***")"); }

}  // namespace
}  // namespace perdure::runtime
