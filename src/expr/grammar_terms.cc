// The parts of the grammar that name things: calls, definitions, variables, patterns, objects.
#include "expr/grammar.h"
#include "expr/regex.h"
#include "expr/spelling.h"

namespace perdure::expr {

Node* Grammar::word() {
  const Token name = token_;
  const std::size_t offset = name.offset;
  advance();
  if (name.text == "if") return conditional(offset);
  if (name.text == "reduce") return fold(Kind::reduce, offset);
  if (name.text == "foreach") return fold(Kind::foreach, offset);
  if (name.text == "import" || name.text == "include") {
    return fail_at(offset, "modules are not available in expressions", "write the definitions in the expression");
  }
  if (is_keyword(name.text)) {
    token_ = name;
    return fail_at(offset, "unexpected '" + std::string(name.text) + "', expected an expression");
  }
  if (name.text == "true" || name.text == "false") return done(literal(Value(name.text == "true"), offset));
  if (name.text == "null") return done(literal(Value(), offset));
  if (token_.is("::")) return fail_at(offset, "modules are not available in expressions");
  if (name.text == "break" && token_.is("$")) {
    std::string_view label;
    if (!variable_name(label)) return nullptr;
    const auto hops = scope_.find_label(label);
    if (!hops) return fail_at(offset, "no label $" + std::string(label) + " surrounds this break");
    Node* n = node(Kind::leave, offset);
    n->number = *hops;
    return done(n);
  }
  return call(name);
}

Node* Grammar::call(const Token& name) {
  const std::size_t offset = name.offset;
  std::vector<Node*> arguments;
  if (accept("(")) {
    do {
      Node* argument = pipe();
      if (argument == nullptr) return nullptr;
      arguments.push_back(argument);
    } while (accept(";"));
    if (!expect(")")) return nullptr;
    last_access_ = nullptr;
  }
  Node* n = node(Kind::call, offset);
  n->list = std::move(arguments);
  const std::size_t arity = n->list.size();
  if (const auto callee = scope_.find_callee(name.text, arity)) {
    n->kind = callee->function == nullptr ? Kind::closure : Kind::call;
    n->number = callee->hops;
    n->function = callee->function;
    return done(n);
  }
  if (name.text == "now" && arity == 0) {
    if (const auto global = scope_.find_global("now")) {
      n->kind = Kind::global;
      n->number = *global;
      return done(n);
    }
  }
  if (const Refusal refusal = find_refusal(name.text); !refusal.why.empty()) {
    return fail_at(offset, "'" + std::string(name.text) + "' is not available: " + std::string(refusal.why),
                   std::string(refusal.hint));
  }
  if (const NativeFunction* native = find_native(name.text, arity)) {
    n->kind = native->builtin != nullptr ? Kind::builtin : Kind::special;
    n->builtin = native->builtin;
    n->special = native->special;
    n->number = native->each ? 1 : static_cast<std::uint32_t>(native->mode);
    if (native->takes_regex) prepare_regex(*n);
    return done(n);
  }
  if (names_ == Names::native) return fail_at(offset, "unknown function in the prelude");
  if (const Function* function = find_prelude(name.text, arity)) {
    n->number = scope_.level();
    n->function = function;
    return done(n);
  }
  std::vector<std::string> known = scope_.callee_names();
  for (std::string& other : all_function_names()) known.push_back(std::move(other));
  return fail_at(offset, "unknown function '" + std::string(name.text) + "/" + std::to_string(arity) + "'",
                 spelling_hint(std::string(name.text) + "/" + std::to_string(arity), known));
}

// With a literal pattern and literal flags the regular expression is made once, here. A bad one is left to fail when it
// is used, as any other would.
void Grammar::prepare_regex(Node& call) {
  const auto literal_or_absent = [&call](std::size_t i) {
    return i >= call.list.size() || call.list[i]->kind == Kind::literal;
  };
  const std::size_t flags_at = call.kind == Kind::special ? 2 : 1;  // sub(pattern; replacement; flags)
  if (!literal_or_absent(0) || !literal_or_absent(flags_at)) return;
  const Value flags = flags_at < call.list.size() ? call.list[flags_at]->literal : Value();
  if (auto made = Regex::make(call.list.front()->literal, flags)) call.regex = std::move(*made);
}

Node* Grammar::conditional(std::size_t offset) {
  Node* n = node(Kind::conditional, offset);
  n->a = pipe();
  if (n->a == nullptr || !expect_word("then")) return nullptr;
  n->b = pipe();
  if (n->b == nullptr) return nullptr;
  const std::size_t next = token_.offset;
  if (accept_word("elif")) {
    const Nesting nesting(nesting_);
    if (too_deep()) return nullptr;
    n->c = conditional(next);
    return n->c == nullptr ? nullptr : done(n);
  }
  if (accept_word("else")) {
    n->c = pipe();
    if (n->c == nullptr) return nullptr;
  }
  if (token_.is_name("end")) {
    advance();
    return done(n);
  }
  return unexpected(n->c == nullptr ? "'elif', 'else' or 'end'" : "'end'");
}

Node* Grammar::fold(Kind kind, std::size_t offset) {
  Node* n = node(kind, offset);
  n->a = postfix();
  if (n->a == nullptr || !expect_word("as")) return nullptr;
  const Scope::Mark outside = scope_.mark();
  // The initial state does not see the variables, the rest does; it is written after them.
  if (!patterns(*n)) return nullptr;
  const Scope::Mark inside = scope_.mark();
  const auto bound = scope_.take(outside);
  if (!expect("(")) return nullptr;
  n->b = pipe();
  if (n->b == nullptr || !expect(";")) return nullptr;
  scope_.put_back(bound, inside);
  n->c = pipe();
  if (n->c == nullptr) return nullptr;
  if (kind == Kind::foreach && accept(";")) {
    n->d = pipe();
    if (n->d == nullptr) return nullptr;
  }
  scope_.leave(outside);
  return expect(")") ? done(n) : nullptr;
}

Node* Grammar::variable() {
  const std::size_t offset = token_.offset;
  std::string_view name;
  if (!variable_name(name)) return nullptr;
  last_access_ = nullptr;
  if (name == "__loc__") {
    const auto line = 1 + std::count(source_.begin(), source_.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
    return done(literal(Value::object({{"file", Value("<top-level>")}, {"line", Value(std::int64_t{line})}}), offset));
  }
  if (const auto hops = scope_.find_variable(name)) {
    Node* n = node(Kind::variable, offset);
    n->number = *hops;
    return done(n);
  }
  if (const auto global = scope_.find_global(name)) {
    Node* n = node(Kind::global, offset);
    n->number = *global;
    return done(n);
  }
  if (name == "ENV") {
    return fail_at(offset, "'$ENV' is not available: expressions can't read the environment",
                   "hand the value to the run in its input");
  }
  return fail_at(offset, "unknown variable '$" + std::string(name) + "'",
                 spelling_hint(name, scope_.variable_names(), "$"));
}

Node* Grammar::object() {
  const std::size_t offset = token_.offset;
  advance();
  Node* n = node(Kind::object, offset);
  while (!token_.is("}")) {
    if (!object_member(*n)) return nullptr;
    if (!accept(",")) break;
  }
  return expect("}") ? done(n) : nullptr;
}

bool Grammar::object_member(Node& object) {
  const std::size_t offset = token_.offset;
  Node* key = nullptr;
  Node* value = nullptr;
  if (token_.is("$")) {
    advance();
    if (token_.kind != TokenKind::name) return unexpected("a variable's name") != nullptr;
    key = literal(Value(token_.text), offset);
    lexer_ = Lexer(source_, offset);  // read the variable again, now as an expression
    advance();
    value = variable();
  } else if (token_.kind == TokenKind::name) {
    key = literal(Value(token_.text), offset);
    advance();
    if (!token_.is(":")) value = member(self(offset), key, offset);
  } else if (token_.kind == TokenKind::quote || token_.kind == TokenKind::format) {
    key = token_.kind == TokenKind::quote ? string(Format::text) : format();
    if (key == nullptr) return false;
    if (!token_.is(":")) value = member(self(offset), key, offset);
  } else if (accept("(")) {
    key = pipe();
    if (key == nullptr || !expect(")")) return false;
  } else {
    return unexpected("a member's name or '}'") != nullptr;
  }
  if (key == nullptr) return false;
  if (value == nullptr) {
    if (failed_ || !expect(":")) return false;
    value = pipe(false);
  }
  object.list.push_back(key);
  object.list.push_back(value);
  return value != nullptr;
}

bool Grammar::definition() {
  const Nesting nesting(nesting_);
  if (too_deep()) return false;
  advance();
  if (token_.kind != TokenKind::name || is_keyword(token_.text)) return unexpected("a function's name") != nullptr;
  Function* function = scope_.function(token_.text);
  const std::size_t offset = token_.offset;
  advance();
  std::vector<std::string_view> values;  // parameters written as $name
  std::vector<std::string_view> names;
  if (accept("(")) {
    do {
      const bool is_value = accept("$");
      if (token_.kind != TokenKind::name) return unexpected("a parameter's name") != nullptr;
      names.push_back(token_.text);
      if (is_value) values.push_back(token_.text);
      function->parameters.emplace_back(token_.text);
      advance();
    } while (accept(";"));
    if (!expect(")")) return false;
  }
  if (!expect(":")) return false;
  scope_.add_function(*function);
  const Scope::Mark mark = scope_.mark();
  for (const std::string_view name : names) scope_.add_closure(name);
  // A parameter $x is the closure x, bound to $x once for each of its outputs.
  std::vector<Node*> bindings;
  for (const std::string_view name : values) {
    Node* bind = node(Kind::bind, offset);
    bind->a = node(Kind::closure, offset);
    bind->a->number = scope_.find_callee(name, 0)->hops;
    bind->a = done(bind->a);
    bind->patterns = std::make_unique<Patterns>();
    bind->patterns->alternatives.emplace_back();
    scope_.add_variable(name);
    bindings.push_back(bind);
  }
  Node* body = pipe();
  scope_.leave(mark);
  if (body == nullptr || !expect(";")) return false;
  for (auto bind = bindings.rbegin(); bind != bindings.rend(); ++bind) {
    (*bind)->b = body;
    body = done(*bind);
  }
  function->body = body;
  return body != nullptr;
}

bool Grammar::patterns(Node& at) {
  at.patterns = std::make_unique<Patterns>();
  const Scope::Mark mark = scope_.mark();
  std::vector<std::vector<std::string_view>> names;
  do {
    std::vector<std::string_view> bound;
    auto parsed = pattern(bound);
    if (parsed == nullptr) return false;
    at.patterns->alternatives.push_back(std::move(*parsed));
    names.push_back(std::move(bound));
    scope_.leave(mark);
  } while (accept("?//"));
  if (names.size() == 1) {
    for (const std::string_view name : names.front()) scope_.add_variable(name);
    return true;
  }
  std::vector<std::string_view> all;
  for (const auto& bound : names) {
    for (const std::string_view name : bound) {
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    }
  }
  for (const auto& bound : names) {
    std::vector<int> sources;
    for (const std::string_view name : all) {
      const auto last = std::find(bound.rbegin(), bound.rend(), name);
      sources.push_back(last == bound.rend() ? -1 : static_cast<int>(last - bound.rbegin()));
    }
    at.patterns->sources.push_back(std::move(sources));
  }
  for (const std::string_view name : all) scope_.add_variable(name);
  return true;
}

std::unique_ptr<Pattern> Grammar::pattern(std::vector<std::string_view>& names) {
  const Nesting nesting(nesting_);
  if (too_deep()) return nullptr;
  auto p = std::make_unique<Pattern>();
  if (token_.is("$")) {
    std::string_view name;
    if (!variable_name(name)) return nullptr;
    names.push_back(name);
    scope_.add_hidden();
    return p;
  }
  if (accept("[")) {
    p->shape = Pattern::Shape::array;
    do {
      Pattern::Part part;
      part.pattern = pattern(names);
      if (part.pattern == nullptr) return nullptr;
      p->plain = p->plain && part.pattern->plain;
      p->parts.push_back(std::move(part));
    } while (accept(","));
    return expect("]") ? std::move(p) : nullptr;
  }
  if (accept("{")) {
    p->shape = Pattern::Shape::object;
    do {
      if (!object_pattern(*p, names)) return nullptr;
    } while (accept(","));
    return expect("}") ? std::move(p) : nullptr;
  }
  unexpected("a pattern: $name, [..] or {..}");
  return nullptr;
}

bool Grammar::object_pattern(Pattern& object, std::vector<std::string_view>& names) {
  const std::size_t offset = token_.offset;
  Pattern::Part part;
  if (token_.is("$")) {
    std::string_view name;
    if (!variable_name(name)) return false;
    part.key = done(literal(Value(name), offset));
    names.push_back(name);
    scope_.add_hidden();
    part.bind_whole = token_.is(":");
    if (!part.bind_whole) part.pattern = std::make_unique<Pattern>();
  } else if (token_.kind == TokenKind::name) {
    part.key = literal(Value(token_.text), offset);
    advance();
  } else if (token_.kind == TokenKind::quote) {
    part.key = string(Format::text);
  } else if (accept("(")) {
    part.key = pipe();
    if (part.key == nullptr || !expect(")")) return false;
  } else {
    return unexpected("a member's name") != nullptr;
  }
  if (part.key == nullptr) return false;
  if (part.pattern == nullptr) {
    if (!expect(":")) return false;
    part.pattern = pattern(names);
    if (part.pattern == nullptr) return false;
  }
  object.plain = object.plain && part.key->single && part.pattern->plain;
  object.parts.push_back(std::move(part));
  return true;
}

}  // namespace perdure::expr
