#include "loaders/yaml_tree.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>

namespace perdure::loaders {

namespace {

constexpr std::size_t k_chunk_bytes = std::size_t{64} << 10;
constexpr std::size_t k_few_members = 8;  // up to here comparing every pair of keys is fastest
constexpr std::string_view k_core_tags = "tag:yaml.org,2002:";

using Type = YamlNode::Type;

struct EventGuard {
  yaml_event_t event{};
  ~EventGuard() { yaml_event_delete(&event); }
};

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

Place place_of(const yaml_mark_t& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

YamlNode::Style style_of(yaml_scalar_style_t style) {
  switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: return YamlNode::Style::single_quoted;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return YamlNode::Style::double_quoted;
    case YAML_LITERAL_SCALAR_STYLE: return YamlNode::Style::literal;
    case YAML_FOLDED_SCALAR_STYLE: return YamlNode::Style::folded;
    default: return YamlNode::Style::plain;
  }
}

}  // namespace

class YamlReader {
 public:
  YamlReader(const SourceText& source, const LoadLimits& limits, std::vector<Diagnostic>& out)
      : source_(source), limits_(limits), out_(out) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(source.text().data()),
                                 source.text().size());
  }
  ~YamlReader() { yaml_parser_delete(&parser_); }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  bool run() {
    for (;;) {
      EventGuard guard;
      if (yaml_parser_parse(&parser_, &guard.event) == 0) return syntax_error();
      if (guard.event.type == YAML_STREAM_END_EVENT) break;
      if (!take(guard.event)) return false;
    }
    if (tree.nodes_.empty()) return stop({}, "the file is empty", "begin with `name:` and `steps:`");
    return true;
  }

  YamlTree tree;

 private:
  struct Open {
    YamlNode* node;
    std::vector<const YamlNode*> parts;
  };

  bool stop(Place place, std::string message, std::string hint = {}) {
    out_.push_back(source_.at(place, std::move(message), std::move(hint)));
    return false;
  }
  void note(Place place, std::string message, std::string hint = {}) {
    if (out_.size() < 100) stop(place, std::move(message), std::move(hint));
  }

  bool take(const yaml_event_t& event) {
    const Place place = place_of(event.start_mark);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        return !tree.nodes_.empty() ? stop(place, "a second document begins here: one workflow is one file") : true;
      case YAML_ALIAS_EVENT: return alias(place, view(event.data.alias.anchor));
      case YAML_SCALAR_EVENT: return scalar(place, event);
      case YAML_SEQUENCE_START_EVENT:
        return begin(Type::sequence, event.start_mark, view(event.data.sequence_start.anchor),
                     view(event.data.sequence_start.tag));
      case YAML_MAPPING_START_EVENT:
        return begin(Type::mapping, event.start_mark, view(event.data.mapping_start.anchor),
                     view(event.data.mapping_start.tag));
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: return end();
      default: return true;
    }
  }

  YamlNode* make(Type type, const yaml_mark_t& mark, std::string_view anchor) {
    const Place place = place_of(mark);
    if (tree.nodes_.size() >= limits_.nodes) {
      stop(place, "the file has more than " + std::to_string(limits_.nodes) + " YAML nodes (the limit)");
      return nullptr;
    }
    YamlNode& node = tree.nodes_.emplace_back();
    node.type = type;
    node.place = place;
    node.index = static_cast<std::uint32_t>(mark.index);
    if (!anchor.empty()) anchors_[std::string(anchor)] = &node;
    return &node;
  }

  // Puts a node into the collection that is open; keys of mappings must be scalars.
  bool attach(const YamlNode* node, Place place) {
    if (open_.empty()) return true;
    Open& parent = open_.back();
    if (parent.node->type == Type::mapping && parent.parts.size() % 2 == 0 && node->type != Type::scalar) {
      const bool expression = source_.line(place.line).find("${") != std::string_view::npos;
      return stop(place, "a key must be a text, not a list or mapping",
                  expression ? "in { } and [ ] a value with `${ … }` needs quotes" : "");
    }
    parent.parts.push_back(node);
    return true;
  }

  bool alias(Place place, std::string_view name) {
    const auto found = anchors_.find(name);
    if (found == anchors_.end())
      return stop(place, "no anchor `&" + std::string(name.substr(0, 80)) + "` before this alias");
    const YamlNode* node = found->second;
    if (node->weight == 0) return stop(place, "this alias is inside of what it stands for");
    expanded_ += node->weight;
    if (expanded_ > limits_.alias_nodes) {
      return stop(place, "aliases expand to more than " + std::to_string(limits_.alias_nodes) + " nodes (the limit)");
    }
    if (open_.size() + node->height > limits_.depth) return too_deep(place);
    return attach(node, place);
  }

  bool scalar(Place place, const yaml_event_t& event) {
    const auto& data = event.data.scalar;
    YamlNode* node = make(Type::scalar, event.start_mark, view(data.anchor));
    if (node == nullptr) return false;
    node->text = keep({reinterpret_cast<const char*>(data.value), data.length});
    node->style = style_of(data.style);
    return tag(*node, view(data.tag), place) && attach(node, place);
  }

  bool begin(Type type, const yaml_mark_t& mark, std::string_view anchor, std::string_view tag_text) {
    const Place place = place_of(mark);
    if (open_.size() >= limits_.depth) return too_deep(place);
    YamlNode* node = make(type, mark, anchor);
    if (node == nullptr) return false;
    node->weight = 0;
    if (!tag(*node, tag_text, place) || !attach(node, place)) return false;
    open_.push_back({node, {}});
    return true;
  }

  bool too_deep(Place place) {
    return stop(place, "nested more than " + std::to_string(limits_.depth) + " deep (the limit)");
  }

  bool tag(YamlNode& node, std::string_view text, Place place) {
    using Core = YamlNode::Core;
    if (text.empty()) return true;
    const bool is_core = text.starts_with(k_core_tags);
    const std::string_view name = is_core ? text.substr(k_core_tags.size()) : text;
    if (node.type == Type::scalar) {
      if (text == "!" || (is_core && name == "str")) {
        node.core = Core::string;
        return true;
      }
      if (is_core && name == "int") {
        node.core = Core::integer;
        return true;
      }
      if (is_core && name == "float") {
        node.core = Core::real;
        return true;
      }
      if (is_core && name == "bool") {
        node.core = Core::boolean;
        return true;
      }
      if (is_core && name == "null") {
        node.core = Core::null;
        return true;
      }
    } else if (text == "!" || (is_core && name == (node.type == Type::mapping ? "map" : "seq"))) {
      return true;
    }
    return stop(place, "the tag `" + std::string(text.substr(0, 80)) + "` has no meaning here",
                "only !!str !!int !!float !!bool !!null on values, !!map and !!seq on collections");
  }

  bool end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    YamlNode& node = *done.node;
    if (node.type == Type::mapping) {
      merge(node, done.parts);
      refuse_twins(done.parts);
    }
    node.first = static_cast<std::uint32_t>(tree.links_.size());
    node.count = static_cast<std::uint32_t>(done.parts.size());
    node.weight = 1;
    for (const YamlNode* part : done.parts) {
      node.weight += part->weight;
      node.height = std::max<std::uint16_t>(node.height, static_cast<std::uint16_t>(part->height + 1));
    }
    tree.links_.insert(tree.links_.end(), done.parts.begin(), done.parts.end());
    return true;
  }

  static bool is_merge(const YamlNode& key) { return key.style == YamlNode::Style::plain && key.text == "<<"; }

  void merge(YamlNode& node, std::vector<const YamlNode*>& parts) {
    std::vector<const YamlNode*> sources;
    std::vector<const YamlNode*> own;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      if (!is_merge(*parts[i])) {
        own.push_back(parts[i]);
        own.push_back(parts[i + 1]);
        continue;
      }
      const YamlNode& value = *parts[i + 1];
      if (value.type == Type::mapping) sources.push_back(&value);
      else if (value.type == Type::sequence)
        for (std::size_t k = 0; k < value.count; ++k) sources.push_back(&tree.item(value, k));
      if (value.type == Type::scalar) note(value.place, "`<<` takes a mapping or a list of mappings");
    }
    if (sources.empty() && own.size() == parts.size()) return;
    std::unordered_map<std::string_view, bool> taken;
    for (std::size_t i = 0; i < own.size(); i += 2) taken.emplace(own[i]->text, true);
    for (const YamlNode* from : sources) {
      if (from->type != Type::mapping) {
        note(from->place, "`<<` takes a mapping or a list of mappings");
        continue;
      }
      for (std::size_t k = 0; k < tree.size(*from); ++k) {
        if (!taken.emplace(tree.key(*from, k).text, true).second) continue;
        own.push_back(&tree.key(*from, k));
        own.push_back(&tree.value(*from, k));
      }
    }
    node.merged = true;
    parts = std::move(own);
  }

  void refuse_twins(const std::vector<const YamlNode*>& parts) {
    const auto twins = [&](const YamlNode& first, const YamlNode& second) {
      note(second.place, "`" + std::string(second.text.substr(0, 80)) + "` is written twice in this mapping",
           "the first is on line " + std::to_string(first.place.line));
    };
    if (parts.size() <= 2 * k_few_members) {
      for (std::size_t i = 2; i < parts.size(); i += 2) {
        for (std::size_t j = 0; j < i; j += 2) {
          if (parts[i]->text == parts[j]->text) {
            twins(*parts[j], *parts[i]);
            break;
          }
        }
      }
      return;
    }
    std::unordered_map<std::string_view, const YamlNode*> seen;
    seen.reserve(parts.size() / 2);
    for (std::size_t i = 0; i < parts.size(); i += 2) {
      const auto [first, fresh] = seen.emplace(parts[i]->text, parts[i]);
      if (!fresh) twins(*first->second, *parts[i]);
    }
  }

  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    if (tree.texts_.empty() || tree.texts_.back().capacity() - tree.texts_.back().size() < text.size()) {
      tree.texts_.emplace_back().reserve(std::max(k_chunk_bytes, text.size()));
    }
    std::string& chunk = tree.texts_.back();
    const std::size_t at = chunk.size();
    chunk.append(text);
    return std::string_view(chunk).substr(at);
  }

  bool syntax_error() {
    const std::string problem = parser_.problem == nullptr ? "not enough memory" : parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      const std::string_view before = source_.text().substr(0, parser_.problem_offset);
      const auto line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1);
      const std::string_view in_line =
          before.substr(before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1);
      const auto column = std::count_if(in_line.begin(), in_line.end(),
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
      return stop({line, static_cast<std::uint32_t>(column + 1)}, "not valid text: " + problem,
                  "a workflow file is UTF-8 without control characters");
    }
    const Place place = place_of(parser_.problem_mark);
    std::string message = "not valid YAML: " + problem;
    if (parser_.context != nullptr && parser_.context_mark.line != parser_.problem_mark.line) {
      message +=
          ", " + std::string(parser_.context) + " that begins on line " + std::to_string(parser_.context_mark.line + 1);
    }
    return stop(place, std::move(message), syntax_hint(place, problem));
  }

  std::string syntax_hint(Place place, const std::string& problem) const {
    const std::string_view line = source_.line(place.line);
    const std::size_t at = place.column - 1;
    if (at < line.size() && line[at] == '\t') return "YAML is indented by spaces, not tabs";
    if (at < line.size() && (line[at] == '@' || line[at] == '`')) return "put the value in quotes";
    if (problem.find("mapping values are not allowed") != std::string::npos) {
      return line.find("${") != std::string_view::npos
                 ? "an expression that holds `: ` needs quotes around the whole value"
                 : "a text that holds `: ` needs quotes; check the indentation, too";
    }
    if (problem.find("',' or '") != std::string::npos && line.find("${") != std::string_view::npos) {
      return "in { } and [ ] a value with `${ … }` needs quotes";
    }
    if (problem.find("Unicode") != std::string::npos) return "write the character itself";
    return {};
  }

  const SourceText& source_;
  const LoadLimits& limits_;
  std::vector<Diagnostic>& out_;
  yaml_parser_t parser_{};
  std::vector<Open> open_;
  std::map<std::string, YamlNode*, std::less<>> anchors_;
  std::size_t expanded_ = 0;
};

const YamlNode* YamlTree::find(const YamlNode& n, std::string_view wanted) const {
  if (n.type != Type::mapping) return nullptr;
  for (std::size_t i = 0; i < size(n); ++i)
    if (key(n, i).text == wanted) return &value(n, i);
  return nullptr;
}

std::size_t YamlTree::count_keys(std::string_view text) const {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [&](const YamlNode& n) { return n.text == text; }));
}

std::optional<YamlTree> read_yaml(const SourceText& source, const LoadLimits& limits, std::vector<Diagnostic>& out) {
  if (source.text().size() > limits.file_bytes) {
    out.push_back(source.at({}, "the file has " + std::to_string(source.text().size()) + " bytes, the limit is " +
                                    std::to_string(limits.file_bytes)));
    return std::nullopt;
  }
  YamlReader reader(source, limits, out);
  if (!reader.run()) return std::nullopt;
  return std::move(reader.tree);
}

}  // namespace perdure::loaders
