#pragma once
// The native loader's workings. Not for other modules: they use load.h.
#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loaders/fields.h"
#include "loaders/load.h"
#include "loaders/yaml_tree.h"
#include "plan/plan.h"

namespace perdure::loaders {

using plan::ExprId;
using plan::k_none;
using plan::NodeId;
using plan::Template;

class NativeLoader;

// A mapping with a known set of members. Unknown ones are reported with the nearest spelling, and then taken as if
// they had been spelled so, so that one slip gives one message.
class Members {
 public:
  Members(NativeLoader& loader, const YamlNode& node, std::string_view what,
          std::initializer_list<std::string_view> names);
  const YamlNode* get(std::string_view name) const;
  bool valid() const { return valid_; }  // it was a mapping

 private:
  std::vector<std::pair<std::string_view, const YamlNode*>> members_;
  bool valid_ = false;
};

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

class NativeLoader {
 public:
  NativeLoader(const SourceText& source, const YamlTree& tree, const LoadLimits& limits, const KnownActivities& known,
               std::vector<Diagnostic>& out)
      : source_(source), tree_(tree), limits_(limits), known_(known), out_(out) {}
  std::shared_ptr<const plan::Plan> load();

 private:
  friend class Members;
  using Severity = Diagnostic::Severity;
  enum class Braces : std::uint8_t { literal, names };  // {name} in a text
  struct Site {
    const YamlNode* scalar = nullptr;
    std::size_t offset = 0;
    std::string placeholder;
    bool exact = true;
  };

  // ---- messages (native.cc)
  void error(const YamlNode& at, std::string message, std::string hint = {}) {
    error(at.place, std::move(message), std::move(hint));
  }
  void error(Place at, std::string message, std::string hint = {});
  void warn(const YamlNode& at, std::string message, std::string hint = {});
  std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& candidates,
                           std::string_view otherwise = {});

  // ---- scalars (native_scalars.cc)
  std::optional<std::string> text(const YamlNode& node, std::string_view what);
  std::optional<bool> boolean(const YamlNode& node, std::string_view what);
  std::optional<std::int64_t> integer(const YamlNode& node, std::string_view what, std::int64_t low, std::int64_t high);
  std::optional<double> real(const YamlNode& node, std::string_view what, double low);
  std::optional<DurationMs> duration(const YamlNode& node, std::string_view what);
  std::vector<const YamlNode*> name_list(const YamlNode& node, std::string_view what);
  std::optional<std::size_t> choice(const YamlNode& node, std::string_view what,
                                    std::initializer_list<std::string_view> choices);
  Value value(const YamlNode& node);
  Value schema(const YamlNode& node, std::string_view what);

  // ---- expressions (native_text.cc)
  ExprId add_expression(const YamlNode& scalar, std::size_t offset, std::string_view source, NodeId owner);
  ExprId condition(const YamlNode& node, std::string_view what, NodeId owner);
  ExprId array_expression(const YamlNode& node, std::string_view what, NodeId owner);
  Template make_template(const YamlNode& node, NodeId owner, Braces braces = Braces::literal);
  Template text_template(const YamlNode& node, NodeId owner, Braces braces);
  Template text_member(const YamlNode* node, std::string_view what, NodeId owner);
  Template object_member(const YamlNode* node, std::string_view what, NodeId owner);
  std::string as_source(const Template& t) const;
  void settle_placeholders();
  bool refused_braces(const YamlNode& scalar, std::string_view text);

  // ---- the file (native.cc)
  void head();
  void head_members(const Members& m);
  void defaults(const YamlNode& node);
  void limits_member(const YamlNode& node);
  void queries(const YamlNode& node);
  void updates(const YamlNode& node);
  std::string dashed_name_hint(const std::string& source, std::size_t offset, const std::string& otherwise) const;
  void report(const std::vector<plan::PlanError>& errors);

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
  NodeId add(const YamlNode& node, std::string name, bool made_up, NodeId parent);
  plan::Node& at(NodeId id) { return plan_->nodes[id]; }

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
  Value budget(const YamlNode& node);
  NodeId body(const YamlNode& node, NodeId parent, std::string_view made_up, const Inherited& own);

  // ---- kinds (native_kinds.cc, native_activities.cc)
  void kind_body(NodeId id, const Item& item, StepKind kind, const Around& around, const Inherited& own);
  void call_body(NodeId id, const Item& item);
  void tool_body(NodeId id, const Item& item, const Around& around);
  void script_body(NodeId id, const Item& item);
  void script_arguments(NodeId id, const Item& item, const std::optional<Members>& inside,
                        std::vector<std::pair<std::string, Template>>& pairs);
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

  const SourceText& source_;
  const YamlTree& tree_;
  const LoadLimits& limits_;
  const KnownActivities& known_;
  std::vector<Diagnostic>& out_;
  std::shared_ptr<plan::Plan> plan_ = std::make_shared<plan::Plan>();
  std::vector<Site> sites_;             // by ExprId
  std::vector<std::string> variables_;  // of the expressions being read
  Inherited defaults_{shared({}), {}, plan::Priority::normal, {}};
  std::size_t steps_ = 0;
  std::size_t errors_ = 0, searches_ = 0;
  bool order_known_ = true;  // no mistake that hides which step comes after which
  bool stopped_ = false;     // too many steps: no more are read
};

// The offset of the `}` that ends the expression that begins at `start`, or npos: strings, nesting and comments of jq
// are passed over.
std::size_t expression_end(std::string_view text, std::size_t start);

// A name of a step or workflow: not empty, not too long, no control characters, no `/` and none of `also_not`.
bool good_name(std::string_view name, std::string_view also_not = {});

// Steps and outputs used before they can exist, and other mistakes that need the whole plan. Appends PlanErrors.
void check_order(const plan::Plan& plan, std::vector<plan::PlanError>& errors, std::vector<plan::PlanError>& warnings);

}  // namespace perdure::loaders
