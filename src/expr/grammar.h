#pragma once
// The grammar, a recursive descent with one token of lookahead. Private to parser.cc and grammar_terms.cc.
#include <algorithm>
#include <array>

#include "base/json.h"
#include "expr/lexer.h"
#include "expr/names.h"
#include "expr/scope.h"

namespace perdure::expr {

inline constexpr std::size_t k_nesting_max = 256;
inline constexpr std::uint16_t k_height_max = 1000;

struct BinaryOperator {
  std::string_view symbol;
  int level;
  enum class Side : std::uint8_t { left, right, none } side;
  Kind kind;
  Operator op;
};
inline constexpr int k_level_term = 9;
using Side = BinaryOperator::Side;
inline constexpr std::array<BinaryOperator, 23> k_operators = {{
    {"//", 2, Side::right, Kind::alternative, Operator::alternative},
    {"=", 3, Side::none, Kind::update, Operator::assign},
    {"|=", 3, Side::none, Kind::update, Operator::modify},
    {"+=", 3, Side::none, Kind::update, Operator::add},
    {"-=", 3, Side::none, Kind::update, Operator::subtract},
    {"*=", 3, Side::none, Kind::update, Operator::multiply},
    {"/=", 3, Side::none, Kind::update, Operator::divide},
    {"%=", 3, Side::none, Kind::update, Operator::modulo},
    {"//=", 3, Side::none, Kind::update, Operator::alternative},
    {"or", 4, Side::left, Kind::logic_or, Operator::add},
    {"and", 5, Side::left, Kind::logic_and, Operator::add},
    {"==", 6, Side::none, Kind::binary, Operator::equal},
    {"!=", 6, Side::none, Kind::binary, Operator::not_equal},
    {"<", 6, Side::none, Kind::binary, Operator::less},
    {"<=", 6, Side::none, Kind::binary, Operator::less_equal},
    {">", 6, Side::none, Kind::binary, Operator::greater},
    {">=", 6, Side::none, Kind::binary, Operator::greater_equal},
    {"+", 7, Side::left, Kind::binary, Operator::add},
    {"-", 7, Side::left, Kind::binary, Operator::subtract},
    {"*", 8, Side::left, Kind::binary, Operator::multiply},
    {"/", 8, Side::left, Kind::binary, Operator::divide},
    {"%", 8, Side::left, Kind::binary, Operator::modulo},
    {"?//", 2, Side::right, Kind::alternative, Operator::alternative},
}};

inline constexpr std::array<std::string_view, 16> k_keywords = {
    "def",     "if",  "then",  "elif",  "else",   "end",     "as",  "reduce",
    "foreach", "try", "catch", "label", "import", "include", "and", "or"};

inline bool is_keyword(std::string_view name) {
  return std::find(k_keywords.begin(), k_keywords.end(), name) != k_keywords.end();
}

// Every function returns null after a failure, which is kept in error_; the first one counts.
class Grammar {
 public:
  enum class Names : std::uint8_t { all, native };  // the prelude is made of native functions
  Grammar(std::string_view source, Code& code, Names names)
      : lexer_(source), source_(source), scope_(code), names_(names) {}

  Node* program(const CompileOptions& options) {
    scope_.set_globals(options.variables);
    advance();
    Node* root = pipe();
    if (root != nullptr && token_.kind != TokenKind::end) return unexpected("the end of the expression");
    return root;
  }
  bool definitions() {
    advance();
    while (token_.is_name("def")) {
      if (!definition()) return false;
    }
    return token_.kind == TokenKind::end;
  }
  const CompileError& error() const { return error_; }

 private:
  // --- failures
  Node* fail_at(std::size_t offset, std::string message, std::string hint = {}) {
    if (!failed_) error_ = {std::move(message), offset, std::move(hint)};
    failed_ = true;
    return nullptr;
  }
  Node* unexpected(std::string_view wanted) {
    if (token_.kind == TokenKind::end) {
      return fail_at(token_.offset, "the expression ends where " + std::string(wanted) + " is expected");
    }
    std::string found(source_.substr(token_.offset, std::max<std::size_t>(lexer_.position() - token_.offset, 1)));
    std::string hint;
    if (found == "{" && source_.substr(token_.offset > 0 ? token_.offset - 1 : 0, 2) == "${") {
      hint = "inside ${ } the expression is plain jq; write ${ expression } once, never ${{ }}";
    } else if (found == "'") {
      hint = "strings are in double quotes";
    } else if (found == "&" || found == "!") {
      hint = "write `and`, `or`, `not` (as `x | not`)";
    } else if (found == "=" && wanted == "the end of the expression") {
      hint = "compare with ==";
    }
    return fail_at(token_.offset, "unexpected '" + found + "', expected " + std::string(wanted), std::move(hint));
  }

  // --- tokens
  void advance() { token_ = lexer_.next(); }
  bool accept(std::string_view symbol) {
    if (!token_.is(symbol)) return false;
    advance();
    return true;
  }
  bool expect(std::string_view symbol) {
    if (accept(symbol)) return true;
    unexpected("'" + std::string(symbol) + "'");
    return false;
  }
  bool accept_word(std::string_view name) {
    if (!token_.is_name(name)) return false;
    advance();
    return true;
  }
  bool expect_word(std::string_view name) {
    if (accept_word(name)) return true;
    unexpected("'" + std::string(name) + "'");
    return false;
  }

  // --- nodes
  Node* node(Kind kind, std::size_t offset) { return scope_.node(kind, offset); }
  Node* literal(Value value, std::size_t offset) {
    Node* n = node(Kind::literal, offset);
    n->literal = std::move(value);
    settle(*n);
    return n;
  }
  Node* self(std::size_t offset) {
    Node* n = node(Kind::identity, offset);
    settle(*n);
    return n;
  }
  // Every node passes here once its children are known.
  Node* done(Node* n) {
    settle(*n);
    if (n->height > k_height_max) return fail_at(n->offset, "the expression is nested too deep");
    return n;
  }
  struct Nesting {
    explicit Nesting(std::size_t& level_) : level(level_) { ++level; }
    ~Nesting() { --level; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    std::size_t& level;
  };
  bool too_deep() {
    if (nesting_ <= k_nesting_max) return false;
    fail_at(token_.offset, "the expression is nested too deep", "define functions with `def` or split the expression");
    return true;
  }

  // --- grammar, from loose to tight
  Node* pipe(bool commas = true) {
    const Nesting nesting(nesting_);
    if (too_deep()) return nullptr;
    if (token_.is_name("def")) {
      const Scope::Mark mark = scope_.mark();
      if (!definition()) return nullptr;
      Node* body = pipe(commas);
      scope_.leave(mark);
      return body;
    }
    const std::size_t offset = token_.offset;
    std::vector<Node*> list;
    do {
      // A definition in the middle covers the rest of the pipe.
      Node* part = !list.empty() && token_.is_name("def") ? pipe(commas) : comma(commas);
      if (part == nullptr) return nullptr;
      list.push_back(part);
    } while (accept("|"));
    return join(Kind::pipe, std::move(list), offset);
  }
  Node* join(Kind kind, std::vector<Node*> list, std::size_t offset) {
    if (list.size() == 1) return list.front();
    Node* n = node(kind, offset);
    n->list = std::move(list);
    return done(n);
  }
  Node* comma(bool commas) {
    const std::size_t offset = token_.offset;
    std::vector<Node*> list;
    do {
      Node* part = binary(2, commas);
      if (part == nullptr) return nullptr;
      list.push_back(part);
    } while (commas && accept(","));
    return join(Kind::comma, std::move(list), offset);
  }

  const BinaryOperator* binary_operator() const {
    if (token_.kind != TokenKind::symbol && token_.kind != TokenKind::name) return nullptr;
    const auto found = std::find_if(k_operators.begin(), k_operators.end(),
                                    [this](const BinaryOperator& o) { return o.symbol == token_.text; });
    return found == k_operators.end() ? nullptr : &*found;
  }

  Node* binary(int level, bool commas) {
    const Nesting nesting(nesting_);
    if (too_deep()) return nullptr;
    Node* left = unary(commas);
    int chained = k_level_term;  // an operator that does not chain closes its level
    while (left != nullptr) {
      const BinaryOperator* o = binary_operator();
      if (o == nullptr || o->level < level) return left;
      const std::size_t offset = token_.offset;
      if (o->level == chained) {
        return fail_at(offset, "'" + std::string(o->symbol) + "' can't follow another operator of its kind",
                       "use parentheses");
      }
      if (o->symbol == "?//") {  // `a?//b` is `a? // b`
        Node* attempt = node(Kind::attempt, offset);
        attempt->a = left;
        left = done(attempt);
        if (left == nullptr) return nullptr;
      }
      advance();
      Node* right = binary(o->side == Side::right ? o->level : o->level + 1, commas);
      if (right == nullptr) return nullptr;
      Node* n = node(o->kind, offset);
      n->op = o->op;
      n->a = left;
      n->b = right;
      left = done(n);
      chained = o->side == Side::none ? o->level : k_level_term;
    }
    return nullptr;
  }

  Node* unary(bool commas) {
    const Nesting nesting(nesting_);
    if (too_deep()) return nullptr;
    const std::size_t offset = token_.offset;
    if (accept("-")) {
      Node* n = node(Kind::negate, offset);
      n->a = binary(8, commas);
      return n->a == nullptr ? nullptr : done(n);
    }
    if (token_.is_name("def")) return pipe(commas);
    if (accept_word("label")) return label(offset, commas);
    if (accept_word("try")) return attempt(offset, commas);
    Node* n = postfix();
    if (n == nullptr || !token_.is_name("as")) return n;
    advance();
    const Scope::Mark mark = scope_.mark();
    Node* bind = node(Kind::bind, offset);
    bind->a = n;
    if (!patterns(*bind) || !expect("|")) return nullptr;
    bind->b = pipe(commas);
    scope_.leave(mark);
    return bind->b == nullptr ? nullptr : done(bind);
  }
  Node* label(std::size_t offset, bool commas) {
    std::string_view name;
    if (!variable_name(name)) return nullptr;
    if (!expect("|")) return nullptr;
    const Scope::Mark mark = scope_.mark();
    scope_.add_label(name);
    Node* n = node(Kind::label, offset);
    n->a = pipe(commas);
    scope_.leave(mark);
    return n->a == nullptr ? nullptr : done(n);
  }
  Node* attempt(std::size_t offset, bool commas) {
    Node* n = node(Kind::attempt, offset);
    n->a = unary(commas);
    if (n->a == nullptr) return nullptr;
    if (accept_word("catch")) {
      n->b = unary(commas);
      if (n->b == nullptr) return nullptr;
    }
    return done(n);
  }

  // "$name", the token after which is current then.
  bool variable_name(std::string_view& name) {
    if (!expect("$")) return false;
    if (token_.kind != TokenKind::name) {
      unexpected("a variable's name");
      return false;
    }
    name = token_.text;
    advance();
    return true;
  }

  Node* postfix() {
    Node* n = term();
    while (n != nullptr) {
      const std::size_t offset = token_.offset;
      if (token_.kind == TokenKind::field) {
        n = member(n, literal(Value(token_.text), offset), offset);
        advance();
      } else if (token_.is(".")) {
        advance();
        if (token_.kind == TokenKind::quote) {
          Node* key = string(Format::text);
          n = key == nullptr ? nullptr : member(n, key, offset);
        } else if (!token_.is("[")) {
          return unexpected("a name, a string or '['");
        }
      } else if (accept("[")) {
        n = bracket(n, offset);
      } else if (accept("?")) {
        const bool access =
            n->kind == Kind::field || n->kind == Kind::index || n->kind == Kind::slice || n->kind == Kind::iterate;
        if (access && !n->optional && n == last_access_) {
          n->optional = true;
          n = done(n);
        } else {
          Node* attempt = node(Kind::attempt, offset);
          attempt->a = n;
          n = done(attempt);
        }
        continue;
      } else {
        return n;
      }
      last_access_ = n;  // only a `?` right behind an access belongs to the access alone
    }
    return n;
  }
  // base.key, where a literal key makes a field.
  Node* member(Node* base, Node* key, std::size_t offset) {
    if (key->kind == Kind::literal && key->literal.is_string()) {
      Node* n = node(Kind::field, offset);
      n->a = base;
      n->literal = key->literal;
      return done(n);
    }
    Node* n = node(Kind::index, offset);
    n->a = base;
    n->b = key;
    return done(n);
  }
  Node* bracket(Node* base, std::size_t offset) {
    if (accept("]")) {
      Node* n = node(Kind::iterate, offset);
      n->a = base;
      return done(n);
    }
    Node* from = nullptr;
    if (!token_.is(":")) {
      from = pipe();
      if (from == nullptr) return nullptr;
      if (accept("]")) return member(base, from, offset);
    }
    if (!expect(":")) return nullptr;
    Node* n = node(Kind::slice, offset);
    n->a = base;
    n->b = from;
    if (!token_.is("]")) {
      n->c = pipe();
      if (n->c == nullptr) return nullptr;
    } else if (from == nullptr) {
      return unexpected("the start or end of a slice");
    }
    return expect("]") ? done(n) : nullptr;
  }

  Node* term() {
    const std::size_t offset = token_.offset;
    switch (token_.kind) {
      case TokenKind::number: return number();
      case TokenKind::quote: return string(Format::text);
      case TokenKind::format: return format();
      case TokenKind::field: {
        Node* n = member(self(offset), literal(Value(token_.text), offset), offset);
        last_access_ = n;
        advance();
        return n;
      }
      case TokenKind::name: return word();
      case TokenKind::symbol: break;
      default: return unexpected("an expression");
    }
    if (accept("..")) return done(node(Kind::descend, offset));
    if (accept("(")) {
      Node* n = pipe();
      if (n == nullptr || !expect(")")) return nullptr;
      last_access_ = nullptr;
      return n;
    }
    if (accept("[")) {
      Node* n = node(Kind::array, offset);
      if (!accept("]")) {
        n->a = pipe();
        if (n->a == nullptr || !expect("]")) return nullptr;
      }
      return done(n);
    }
    if (token_.is("{")) {
      return source_.substr(offset > 0 ? offset - 1 : 0, 2) == "${" ? unexpected("a variable's name") : object();
    }
    if (token_.is("$")) return variable();
    if (!accept(".")) return unexpected("an expression");
    Node* dot = self(offset);
    if (token_.kind != TokenKind::quote) return dot;
    Node* key = string(Format::text);
    if (key == nullptr) return nullptr;
    Node* n = member(dot, key, offset);
    last_access_ = n;
    return n;
  }

  Node* number() {
    std::string text(token_.text);  // jq's numbers are JSON's, but for 1. and .5
    if (text.front() == '.') text.insert(0, "0");
    if (const std::size_t point = text.find('.');
        point != std::string::npos && (point + 1 == text.size() || text[point + 1] < '0' || text[point + 1] > '9')) {
      text.insert(point + 1, "0");
    }
    const std::size_t first = std::min(text.find_first_not_of('0'), text.size() - 1);
    text.erase(0, text[first] >= '0' && text[first] <= '9' ? first : first == 0 ? 0 : first - 1);
    auto value = parse_json(text);
    if (!value) return unexpected("a number");
    Node* n = literal(std::move(*value), token_.offset);
    advance();
    return done(n);
  }

  Node* format() {
    Format f = Format::text;
    const Token token = token_;
    if (!find_format(token.text, f)) {
      return fail_at(token.offset, "'@" + std::string(token.text) + "' is not a format",
                     "the formats are @text @json @html @uri @csv @tsv @sh @base64 @base64d");
    }
    advance();
    if (token_.kind == TokenKind::quote) return string(f);
    Node* n = node(Kind::format, token.offset);
    n->format = f;
    return done(n);
  }

  Node* string(Format f) {
    const std::size_t offset = token_.offset;
    Node* n = node(Kind::string, offset);
    n->format = f;
    for (;;) {
      StringPart part = lexer_.string_part();
      if (part.end == StringPart::End::bad) return fail_at(lexer_.position(), std::string(part.problem));
      if (!part.text.empty()) n->list.push_back(done(literal(Value(std::string_view(part.text)), offset)));
      if (part.end == StringPart::End::quote) break;
      advance();
      Node* inner = pipe();
      if (inner == nullptr) return nullptr;
      if (!token_.is(")")) return unexpected("')'");
      // A literal inside would be taken for text of the string itself.
      if (inner->kind == Kind::literal) inner = join_single(inner);
      n->list.push_back(inner);
    }
    advance();
    if (n->list.empty()) return done(literal(Value(""), offset));
    if (n->list.size() == 1 && n->list.front()->kind == Kind::literal) return n->list.front();
    return done(n);
  }
  Node* join_single(Node* inner) {
    Node* n = node(Kind::pipe, inner->offset);
    n->list = {inner};
    return done(n);
  }

  Node* word();
  Node* call(const Token& name);
  Node* conditional(std::size_t offset);
  Node* fold(Kind kind, std::size_t offset);
  Node* variable();
  Node* object();
  bool object_member(Node& object);
  bool definition();
  bool patterns(Node& node);
  std::unique_ptr<Pattern> pattern(std::vector<std::string_view>& names);
  bool object_pattern(Pattern& pattern, std::vector<std::string_view>& names);
  void prepare_regex(Node& call);

  Lexer lexer_;
  std::string_view source_;
  Scope scope_;
  Names names_;
  Token token_;
  CompileError error_;
  bool failed_ = false;
  std::size_t nesting_ = 0;
  const Node* last_access_ = nullptr;
};

}  // namespace perdure::expr
