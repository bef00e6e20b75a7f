#pragma once
// The native loader's workings.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loaders/dialect.h"
#include "loaders/fields.h"

namespace perdure::loaders {

// A step's mapping, by field.
struct Item {
  const YamlNode* node = nullptr;
  std::array<const YamlNode*, k_fields> key{}, value{};
  bool slipped = false;  // had an unknown field: what it lacks may be what was meant
  const YamlNode* operator[](Field f) const { return value[static_cast<std::size_t>(f)]; }
  const YamlNode& key_of(Field f) const { return *key[static_cast<std::size_t>(f)]; }
};

// What a block hands down to the steps in it.
struct Inherited {
  std::shared_ptr<const plan::Retry> retry;  // never null
  plan::Timeouts timeouts;
  plan::Priority priority = plan::Priority::normal;
  std::string queue;
};

// What surrounds the step being read.
struct Around {
  NodeId parent = k_none;
  std::string_view made_up;  // its name when the file gives none
  const Inherited* inherited = nullptr;
  bool compensation = false;
  std::string_view same_tool = {};  // in a compensation: the tool of the step it undoes
};

class NativeLoader : public DialectReader {
 public:
  NativeLoader(const SourceText& source, const YamlTree& tree, const LoadLimits& limits, const KnownActivities& known,
               std::vector<Diagnostic>& out)
      : DialectReader(Dialect::native, source, tree, limits, known, out) {}
  std::shared_ptr<const plan::Plan> load();

 private:
  std::optional<DurationMs> duration(const YamlNode& node, std::string_view what);  // native_common.cc
  void settle_placeholders();                                                       // native_text.cc

  // ---- the file (native.cc)
  void head();
  void head_members(const Members& m);
  void defaults(const YamlNode& node);
  void limits_member(const YamlNode& node);
  void queries(const YamlNode& node);
  void updates(const YamlNode& node);
  std::string dashed_name_hint(const std::string& source, std::size_t offset, const std::string& otherwise) const;
  void report_all(std::vector<plan::PlanError> errors);

  // ---- lists and order (native_lists.cc)
  NodeId block(const YamlNode& list, const Around& around, std::string_view name, plan::Kind kind, Place place);
  void fill_block(NodeId id, const YamlNode& list, plan::Kind kind, const Inherited& inherited);
  struct Listed;
  void connect(NodeId id, std::vector<Listed>& items, bool graph);
  void report_cycle(const std::vector<Listed>& items, const std::vector<std::vector<std::uint32_t>>& edges, bool graph);
  void report_unreached(const std::vector<Listed>& items, const std::vector<std::vector<std::uint32_t>>& edges);

  // ---- one step (native_step.cc)
  NodeId step(const YamlNode& node, const Around& around);
  Item read_item(const YamlNode& node);
  std::optional<StepKind> kind_of(const Item& item, const Around& around);
  void refuse_strangers(const Item& item, StepKind kind, const Around& around);
  std::string name_of(const Item& item, const Around& around);

  // ---- common fields (native_common.cc)
  void common(NodeId id, const Item& item, StepKind kind, const Around& around, Inherited& own);
  void naming(NodeId id, const Item& item);
  void running(NodeId id, const Item& item, StepKind kind, const Around& around, Inherited& own);
  void guarding(NodeId id, const Item& item, const Inherited& own);
  void undoing(NodeId id, const Item& item, const Inherited& own);
  std::optional<plan::Retry> retry(const YamlNode& node);
  std::optional<plan::Retry> retry_policy(const YamlNode& node);
  static std::shared_ptr<const plan::Retry> shared(std::optional<plan::Retry> retry);
  plan::Timeouts timeout(const YamlNode& node);
  plan::RateLimit rate_limit(const YamlNode& node);
  void breaker(NodeId id, const YamlNode& node, const Inherited& own);
  NodeId body(const YamlNode& node, NodeId parent, std::string_view made_up, const Inherited& own);

  // ---- kinds (native_kinds.cc, native_activities.cc)
  void kind_body(NodeId id, const Item& item, StepKind kind, const Around& around, const Inherited& own);
  void call_body(NodeId id, const Item& item);
  void tool_body(NodeId id, const Item& item, const Around& around);
  void script_body(NodeId id, const Item& item);
  void script_arguments(NodeId id, const Item& item, const std::optional<Members>& inside, TemplatePairs& pairs);
  void agent_body(NodeId id, const Item& item);
  Template arguments(NodeId id, const Item& item, Braces braces);
  void check_arguments(const Item& item, const YamlNode& at, std::string_view type, const ActivityType& known,
                       const Template& with);
  void block_body(NodeId id, const Item& item, const Inherited& own);
  void conditional_body(NodeId id, const Item& item, const Inherited& own);
  void switch_body(NodeId id, const Item& item, const Inherited& own);
  void loop_body(NodeId id, const Item& item, const Inherited& own);
  void wait_body(NodeId id, const Item& item);
  void listen_body(NodeId id, const Item& item);
  void review_body(NodeId id, const Item& item);
  void emit_body(NodeId id, const Item& item);
  void subflow_body(NodeId id, const Item& item);
  void try_body(NodeId id, const Item& item, const Inherited& own);
  void catch_body(NodeId id, const YamlNode& node, std::size_t number, const Inherited& own);
  void raise_body(NodeId id, const Item& item);
  void map_body(NodeId id, const Item& item);
  const YamlNode* need(const Item& item, Field field);

  Inherited defaults_{shared({}), {}, plan::Priority::normal, {}};
  std::size_t steps_ = 0;
  bool order_known_ = true;  // no mistake that hides which step comes after which
};

// A name of a step or workflow: not empty, not too long, no control characters, no `/` and none of `also_not`.
bool good_name(std::string_view name, std::string_view also_not = {});

// Steps and outputs used before they can exist, and other mistakes that need the whole plan. Appends PlanErrors.
void check_order(const plan::Plan& plan, std::vector<plan::PlanError>& errors, std::vector<plan::PlanError>& warnings);

}  // namespace perdure::loaders
