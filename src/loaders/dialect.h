#pragma once
// What the loaders of all dialects share: messages, values of simple types, texts with expressions in them. Not for
// other modules: they use load.h.
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loaders/load.h"
#include "loaders/yaml_tree.h"
#include "plan/plan.h"

namespace perdure::loaders {

using plan::ExprId;
using plan::k_none;
using plan::NodeId;
using plan::Template;

class DialectReader;

// A mapping with a known set of members. Unknown ones are reported with the nearest spelling, and then taken as if
// they had been spelled so, so that one slip gives one message.
class Members {
 public:
  Members(DialectReader& reader, const YamlNode& node, std::string_view what, std::vector<std::string_view> names);
  const YamlNode* get(std::string_view name) const;
  bool valid() const { return valid_; }      // it was a mapping
  bool slipped() const { return slipped_; }  // had an unknown member: what it lacks may be what was meant

 private:
  std::vector<std::pair<std::string_view, const YamlNode*>> members_;
  bool valid_ = false, slipped_ = false;
};

class DialectReader {
 protected:
  // How the dialects differ in their texts.
  enum class Dialect : std::uint8_t {
    native,    // `${{` is refused; only in block scalars may space stand around an expression that is a value
    standard,  // `${{` begins an expression that makes an object; space around an expression never matters
  };
  enum class Braces : std::uint8_t {
    literal,  // `{name}` is text
    names,    // `{name}` is an input or an earlier output
    uri,      // `{name}` is a member of `.`, percent-encoded
    loose,    // as literal; and a text without `${` is an expression if it is one
  };
  struct Site {
    const YamlNode* scalar = nullptr;
    std::size_t offset = 0;
    std::string placeholder;
    bool exact = true;
    std::uint8_t unbound = 0;  // of k_flow_variables, by bit: those that have no value where the expression stands
  };

  DialectReader(Dialect dialect, const SourceText& source, const YamlTree& tree, const LoadLimits& limits,
                const KnownActivities& known, std::vector<Diagnostic>& out)
      : dialect_(dialect), source_(source), tree_(tree), limits_(limits), known_(known), out_(out) {}
  ~DialectReader() = default;
  DialectReader(const DialectReader&) = delete;
  DialectReader& operator=(const DialectReader&) = delete;

  friend class Members;
  using Severity = Diagnostic::Severity;

  // ---- messages (dialect.cc)
  void error(const YamlNode& at, std::string message, std::string hint = {}) {
    error(at.place, std::move(message), std::move(hint));
  }
  void error(Place at, std::string message, std::string hint = {});
  void warn(const YamlNode& at, std::string message, std::string hint = {});
  std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& candidates,
                           std::string_view otherwise = {});
  void report(const plan::PlanError& error);  // of an expression

  // ---- nodes (dialect.cc)
  NodeId add(const YamlNode& node, std::string name, bool made_up, NodeId parent);
  plan::Node& at(NodeId id) { return plan_->nodes[id]; }

  // ---- scalars (dialect_scalars.cc)
  std::optional<std::string> text(const YamlNode& node, std::string_view what);
  std::optional<bool> boolean(const YamlNode& node, std::string_view what);
  std::optional<std::int64_t> integer(const YamlNode& node, std::string_view what, std::int64_t low, std::int64_t high);
  std::optional<double> real(const YamlNode& node, std::string_view what, double low);
  std::vector<const YamlNode*> name_list(const YamlNode& node, std::string_view what);
  std::optional<std::size_t> choice(const YamlNode& node, std::string_view what,
                                    std::initializer_list<std::string_view> choices);
  Value value(const YamlNode& node);
  Value schema(const YamlNode& node, std::string_view what);
  Value budget(const YamlNode& node);

  // ---- texts (dialect_text.cc)
  ExprId add_expression(const YamlNode& scalar, std::size_t offset, std::string_view source, NodeId owner);
  ExprId add_derived(const YamlNode& node, std::string source, NodeId owner);  // that stands nowhere in the file
  ExprId condition(const YamlNode& node, std::string_view what, NodeId owner);
  ExprId array_expression(const YamlNode& node, std::string_view what, NodeId owner);
  Template make_template(const YamlNode& node, NodeId owner, Braces braces = Braces::literal);
  Template text_template(const YamlNode& node, NodeId owner, Braces braces);
  Template text_member(const YamlNode* node, std::string_view what, NodeId owner);
  Template object_member(const YamlNode* node, std::string_view what, NodeId owner);
  std::string as_source(const Template& t) const;
  bool refused_braces(const YamlNode& scalar, std::string_view text);
  ExprId uri_member(const YamlNode& scalar, std::size_t offset, std::string_view name, NodeId owner);
  std::optional<Template> one_value(const YamlNode& scalar, NodeId owner);
  std::optional<Template> tried(const YamlNode& scalar, NodeId owner);

  const Dialect dialect_;
  const SourceText& source_;
  const YamlTree& tree_;
  const LoadLimits& limits_;
  const KnownActivities& known_;
  std::vector<Diagnostic>& out_;
  std::shared_ptr<plan::Plan> plan_ = std::make_shared<plan::Plan>();
  std::vector<Site> sites_;             // by ExprId
  std::vector<std::string> variables_;  // of the expressions being read
  std::uint8_t unbound_ = 0;            // likewise, see Site
  std::size_t errors_ = 0, searches_ = 0;
  bool stopped_ = false;  // over a limit: no more is read
};

// Templates that a loader makes itself.
Template constant_template(Value v);
using TemplatePairs = std::vector<std::pair<std::string, Template>>;
Template object_template(TemplatePairs pairs);  // a constant when all of its parts are

// The offset of the `}` that ends the expression that begins at `start`, or npos: strings, nesting and comments of jq
// are passed over.
std::size_t expression_end(std::string_view text, std::size_t start);

}  // namespace perdure::loaders
