#include "convert/doc.h"

#include <algorithm>

#include "base/json.h"
#include "loaders/yaml_tree.h"

namespace perdure::convert {
namespace {

constexpr std::size_t k_step = 2;
constexpr std::size_t k_flow_width = 100;  // a list of scalars that fits stands on one line

bool reads_as_itself(std::string_view text) {
  loaders::YamlNode node;
  node.text = text;
  const Value v = loaders::scalar_value(node);
  return v.is_string() && v.as_string() == text;
}

// Whether it can stand without quotes.
bool plain(std::string_view text, bool flow) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=~<.").find(text.front()) != std::string_view::npos) {
    const bool path = text.front() == '.' && text.size() > 1 && text[1] != '.' && !(text[1] >= '0' && text[1] <= '9');
    const bool dash = (text.front() == '-') && text.size() > 1 && text[1] != ' ' && text[1] != '-';
    if (!path && !dash) return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) return false;
    if (c == ':' && (i + 1 == text.size() || text[i + 1] == ' ' || flow)) return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
    if (flow && std::string_view(",[]{}").find(c) != std::string_view::npos) return false;
  }
  return reads_as_itself(text);
}

// A JSON text is a double-quoted scalar but for what YAML does not let stand there.
std::string double_quoted(std::string_view text) {
  std::string out;
  for (const char c : to_json(Value(text))) {
    if (c == '\x7f') out += "\\x7f";
    else out.push_back(c);
  }
  std::string safe;  // line breaks of Unicode, the byte order mark and C1 controls
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = [&](std::size_t k) { return i + k < out.size() ? static_cast<unsigned char>(out[i + k]) : 0U; };
    char escape[8];
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) {
      std::snprintf(escape, sizeof escape, "\\x%02x", byte(1));
      safe += escape;
      i += 1;
    } else if (byte(0) == 0xe2 && byte(1) == 0x80 && (byte(2) == 0xa8 || byte(2) == 0xa9)) {
      safe += byte(2) == 0xa8 ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (byte(0) == 0xef && ((byte(1) == 0xbb && byte(2) == 0xbf) || (byte(1) == 0xbf && byte(2) >= 0xbe))) {
      std::snprintf(escape, sizeof escape, "\\u%04x",
                    static_cast<unsigned>(0xf000U | ((byte(1) & 0x3fU) << 6U) | (byte(2) & 0x3fU)));
      safe += escape;
      i += 2;
    } else {
      safe.push_back(out[i]);
    }
  }
  return safe;
}

bool literal_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    if (end > start && (text[end - 1] == ' ' || text[start] == '\t')) return false;
    start = end + 1;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f);
  });
}

std::string scalar(const Value& v, bool flow) {
  if (!v.is_string()) return to_json(v);
  const std::string_view text = v.as_string();
  if (plain(text, flow)) return std::string(text);
  const bool simple = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!simple || text.find('"') == std::string_view::npos) return double_quoted(text);
  std::string out = "'";
  for (const char c : text) out.append(c == '\'' ? "''" : std::string(1, c));
  return out + "'";
}

class Writer {
 public:
  std::string out;

  void map(const Doc& doc, std::size_t indent, bool first_inline) {
    bool inline_now = first_inline;
    for (const auto& [key, member] : doc.members()) {
      const bool spaced = indent == 0 && (key == "do" || key == "steps" || key == "modules") && !out.empty();
      if (spaced) out += "\n";
      if (!inline_now) comments(member, indent);
      if (!inline_now) out.append(indent, ' ');
      inline_now = false;
      out += scalar(Value(key), false) + ":";
      value(member, indent, spaced || (indent == 0 && key == "do"));
    }
  }

  void comments(const Doc& doc, std::size_t indent) {
    for (const std::string& line : doc.above) out.append(indent, ' ').append(line).append("\n");
  }

 private:
  void end_of_line(const Doc& doc) {
    if (!doc.beside.empty()) out.append("  ").append(doc.beside);
    out += "\n";
  }

  static std::string flow_list(const Doc& doc) {
    std::string text = "[";
    for (const Doc& item : doc.items()) {
      if (item.type() != Doc::Type::scalar || !item.above.empty() || !item.beside.empty()) return {};
      text.append(text.size() > 1 ? ", " : "").append(scalar(item.value(), true));
    }
    return text + "]";
  }

  // Behind `key:` or `-`, which stands at `indent`.
  void value(const Doc& doc, std::size_t indent, bool spaced) {
    if (doc.type() == Doc::Type::scalar) return scalar_value(doc, indent);
    if (doc.empty()) {
      out += doc.type() == Doc::Type::map ? " {}" : " []";
      return end_of_line(doc);
    }
    if (doc.type() == Doc::Type::map) {
      end_of_line(doc);
      return map(doc, indent + k_step, false);
    }
    const std::string flow = flow_list(doc);
    if (!flow.empty() && indent + flow.size() <= k_flow_width) {
      out.append(" ").append(flow);
      return end_of_line(doc);
    }
    end_of_line(doc);
    for (std::size_t i = 0; i < doc.items().size(); ++i) {
      if (spaced && i > 0) out += "\n";
      item(doc.items()[i], indent + k_step);
    }
  }

  void item(const Doc& doc, std::size_t indent) {
    comments(doc, indent);
    if (doc.type() == Doc::Type::map && !doc.empty()) {
      comments(doc.members().front().second, indent);
      out.append(indent, ' ').append("- ");
      return map(doc, indent + k_step, true);
    }
    out.append(indent, ' ').append("-");
    value(doc, indent, false);
  }

  void scalar_value(const Doc& doc, std::size_t indent) {
    const Value& v = doc.value();
    if (!v.is_string() || !literal_block(v.as_string())) {
      out.append(" ").append(scalar(v, false));
      return end_of_line(doc);
    }
    std::string_view text = v.as_string();
    out += text.ends_with("\n\n") ? " |+" : text.ends_with("\n") ? " |" : " |-";
    end_of_line(doc);
    if (text.ends_with('\n')) text.remove_suffix(1);
    for (;;) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (end > 0) out.append(indent + k_step, ' ').append(text.substr(0, end));
      out += "\n";
      if (end == text.size()) return;
      text.remove_prefix(end + 1);
    }
  }
};

}  // namespace

Doc::Doc(Value v) {
  if (v.is_array()) {
    type_ = Type::list;
    for (const Value& item : v.items()) items_.emplace_back(item);
  } else if (v.is_object()) {
    type_ = Type::map;
    for (const auto& [key, member] : v.members()) members_.emplace_back(std::string(key.as_string()), Doc(member));
  } else {
    value_ = std::move(v);
  }
}

Doc Doc::list(std::vector<Doc> items) {
  Doc doc;
  doc.type_ = Type::list;
  doc.items_ = std::move(items);
  return doc;
}

Doc Doc::map(std::vector<std::pair<std::string, Doc>> members) {
  Doc doc;
  doc.type_ = Type::map;
  doc.members_ = std::move(members);
  return doc;
}

Doc* Doc::find(std::string_view key) {
  for (auto& [name, member] : members_)
    if (name == key) return &member;
  return nullptr;
}

Doc& Doc::set(std::string key, Doc member) {
  type_ = Type::map;
  if (Doc* old = find(key); old != nullptr) return *old = std::move(member);
  return members_.emplace_back(std::move(key), std::move(member)).second;
}

void Doc::set_first(std::string key, Doc member) {
  type_ = Type::map;
  members_.insert(members_.begin(), {std::move(key), std::move(member)});
}

Doc& Doc::push(Doc item) {
  type_ = Type::list;
  return items_.emplace_back(std::move(item));
}

std::string to_yaml(const Doc& root, const std::vector<std::string>& tail) {
  Writer writer;
  writer.comments(root, 0);
  writer.map(root, 0, false);
  for (const std::string& line : tail) writer.out.append(line).append("\n");
  return std::move(writer.out);
}

}  // namespace perdure::convert
