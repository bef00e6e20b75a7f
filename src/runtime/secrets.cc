#include "runtime/secrets.h"

#include <algorithm>

#include "base/json.h"
#include "plan/secrets.h"
#include "runtime/base64.h"

namespace perdure::runtime {
namespace {

constexpr std::string_view k_mask = "***";
constexpr std::size_t k_part_bytes_min = 4;  // of what is masked within a text: shorter ones would blank ordinary words

std::string text_of(const Value& value) { return value.is_string() ? std::string(value.as_string()) : to_json(value); }

std::string percent_encoded(std::string_view text) {
  static constexpr char k_digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(k_digits[byte >> 4]);
      out.push_back(k_digits[byte & 15]);
    }
  }
  return out;
}

// Every text in a value, however deep.
void collect(const Value& value, std::vector<std::string>& into) {
  if (value.is_string() || value.is_number()) into.push_back(text_of(value));
  if (value.is_array())
    for (const Value& item : value.items()) collect(item, into);
  if (value.is_object())
    for (const auto& [key, member] : value.members()) collect(member, into);
}

// What basic authentication makes of a login.
void collect_logins(const Value& value, std::vector<std::string>& into) {
  if (!value.is_object()) return;
  const Value* user = value.find("username");
  const Value* password = value.find("password");
  if (user != nullptr && password != nullptr && user->is_string() && password->is_string())
    into.push_back(std::string(user->as_string()) + ":" + std::string(password->as_string()));
  for (const auto& [key, member] : value.members()) collect_logins(member, into);
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// The forms in which a value may come back, longest first, so that no part of one stays.
std::vector<std::string> forms_of(std::vector<std::string> values) {
  std::vector<std::string> forms;
  for (std::string& value : values) {
    if (value.empty()) continue;
    forms.push_back(percent_encoded(value));
    if (value.size() >= k_part_bytes_min) {
      std::string encoded = to_base64(value);
      while (!encoded.empty() && encoded.back() == '=') encoded.pop_back();
      forms.push_back(encoded);
      std::replace(encoded.begin(), encoded.end(), '+', '-');
      std::replace(encoded.begin(), encoded.end(), '/', '_');
      forms.push_back(std::move(encoded));
      const std::string json = to_json(Value(value));
      forms.push_back(json.substr(1, json.size() - 2));  // within a text that is JSON
    }
    forms.push_back(std::move(value));
  }
  std::sort(forms.begin(), forms.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

std::string masked_text(std::string text, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (text == value) return std::string(k_mask);
    if (value.size() >= k_part_bytes_min) replace_all(text, value, k_mask);
  }
  return text;
}

Value masked_value(const Value& value, const std::vector<std::string>& values) {
  if (value.is_string()) return Value(masked_text(std::string(value.as_string()), values));
  if (value.is_number()) {
    const std::string text = to_json(value);
    return std::find(values.begin(), values.end(), text) == values.end() ? value : Value(k_mask);
  }
  if (value.is_array()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(masked_value(item, values));
    return Value::array(std::move(items));
  }
  if (!value.is_object()) return value;
  auto object = Value::object();
  for (const auto& [key, member] : value.members())
    object.set(masked_text(std::string(key.as_string()), values), masked_value(member, values));
  return object;
}

std::string disarmed_text(std::string_view text, std::uint64_t seed) {
  std::string out;
  std::size_t from = 0;
  for (auto mark = plan::find_secret_mark(text); mark; mark = plan::find_secret_mark(text, from)) {
    const std::string_view written = text.substr(mark->at, mark->length);
    out += text.substr(from, mark->at - from);
    out += plan::secret_mark(seed, mark->expr) == written ? k_mask : written;
    from = mark->at + mark->length;
  }
  return out + std::string(text.substr(from));
}

Value disarmed_value(const Value& value, std::uint64_t seed) {
  if (value.is_string()) return Value(disarmed_text(value.as_string(), seed));
  if (value.is_array()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(disarmed_value(item, seed));
    return Value::array(std::move(items));
  }
  if (!value.is_object()) return value;
  auto object = Value::object();
  for (const auto& [key, member] : value.members())
    object.set(disarmed_text(key.as_string(), seed), disarmed_value(member, seed));
  return object;
}

// An escape may hide a part of a mark.
void disarm(Bytes& json, std::uint64_t seed) {
  const std::string_view text = json.view();
  if (text.find("\\u") == std::string_view::npos && !plan::find_secret_mark(text)) return;
  if (const auto value = parse_json(text)) json = Bytes(to_json(disarmed_value(*value, seed)));
}

void disarm(history::FaultPtr& fault, std::uint64_t seed) {
  if (!fault || (!plan::find_secret_mark(fault->title) && !plan::find_secret_mark(fault->detail))) return;
  history::Fault copy = *fault;
  copy.title = disarmed_text(copy.title, seed);
  copy.detail = disarmed_text(copy.detail, seed);
  fault = std::make_shared<const history::Fault>(std::move(copy));
}

// Fills in the marks of one set of arguments.
class Opener {
 public:
  Opener(const plan::Plan& plan, std::uint64_t seed, const activity::Driver& driver, std::string_view type,
         const SecretSource& source)
      : plan_(plan), seed_(seed), driver_(driver), type_(type), source_(source) {}

  Value open(const Value& value, const std::string& member) {
    if (value.is_string()) return open_text(value, member);
    if (value.is_array()) {
      std::vector<Value> items;
      for (std::size_t i = 0; i < value.size(); ++i)
        items.push_back(open(value.at(i), member + "[" + std::to_string(i) + "]"));
      return Value::array(std::move(items));
    }
    if (!value.is_object()) return value;
    auto object = Value::object();
    for (const auto& [key, part] : value.members()) {
      const std::string name(key.as_string());
      if (plan::find_secret_mark(name)) wrong("secret.exposed", "the name of a member can't be a secret");
      object.set(name, open(part, member.empty() ? name : member + "." + name));
    }
    return object;
  }

  std::optional<activity::ActivityError> error;
  std::vector<std::string> values;  // that were filled in

 private:
  Value open_text(const Value& text, const std::string& member) {
    const std::string_view whole = text.as_string();
    auto mark = plan::find_secret_mark(whole);
    if (!mark) return text;
    if (!driver_.takes_secret(type_, member)) {
      wrong("secret.exposed", "'" + member + "' can't hold a secret: others would see it");
      return {};
    }
    std::string out;
    std::size_t from = 0;
    for (; mark; mark = plan::find_secret_mark(whole, from)) {
      const Value value = value_of(*mark, whole.substr(mark->at, mark->length));
      if (error) return {};
      collect(value, values);
      if (mark->length == whole.size()) return value;
      out += whole.substr(from, mark->at - from);
      const std::string part = text_of(value);
      out += member == "url" ? percent_encoded(part) : part;
      from = mark->at + mark->length;
    }
    return Value(out + std::string(whole.substr(from)));
  }

  Value value_of(const plan::SecretMark& mark, std::string_view written) {
    if (mark.expr >= plan_.exprs.size() || plan_.exprs[mark.expr].secrets.empty() ||
        plan::secret_mark(seed_, mark.expr) != written) {
      wrong("secret.foreign",
            "what stands for a secret of another run can't be used here: read the secret in this workflow");
      return {};
    }
    const plan::Expression& e = plan_.exprs[mark.expr];
    auto secrets = Value::object();
    for (const std::string& name : e.secrets) {
      auto value = source_ ? source_(name) : std::nullopt;
      if (!value) {
        wrong("secret.missing", "the secret '" + name +
                                    "' has no value here: give it with --secret-file or in the "
                                    "environment as " +
                                    plan::secret_variable(name));
        return {};
      }
      secrets.set(name, std::move(*value));
    }
    const Value variables[] = {std::move(secrets)};
    auto value = e.program->evaluate(Value(), variables);
    if (value) return std::move(*value);
    // The message may quote the value.
    wrong("expression", "the expression at line " + std::to_string(e.place.line) + " fails on the secret's value");
    return {};
  }

  void wrong(std::string type, std::string title) {
    if (error) return;
    error.emplace();
    error->type = std::move(type);
    error->title = std::move(title);
    error->error_class = activity::ErrorClass::fatal;
  }

  const plan::Plan& plan_;
  const std::uint64_t seed_;
  const activity::Driver& driver_;
  const std::string_view type_;
  const SecretSource& source_;
};

}  // namespace

std::variant<OpenedArguments, activity::ActivityError> open_secrets(const plan::Plan& plan, std::uint64_t seed,
                                                                    const activity::Driver& driver,
                                                                    std::string_view type, const Bytes& args,
                                                                    const SecretSource& source) {
  OpenedArguments opened{args, {}};
  Opener opener(plan, seed, driver, type, source);
  if (plan::find_secret_mark(args.view())) {
    const auto given = parse_json(args.view());
    const Value value = given ? opener.open(*given, "") : Value();
    if (opener.error) return *opener.error;
    opened.args = Bytes(to_json(value));
  }
  // What an earlier call stored may come back in the answer to this one.
  std::vector<std::string> values = std::move(opener.values);
  if (const auto opened_args = values.empty() ? Result<Value>(Value()) : parse_json(opened.args.view()))
    collect_logins(*opened_args, values);
  for (const std::string& name : plan::listed_secrets(plan)) {
    const auto value = source ? source(name) : std::nullopt;
    if (!value) continue;
    collect(*value, values);
    collect_logins(*value, values);
  }
  opened.values = forms_of(std::move(values));
  return opened;
}

history::Event without_marks(history::Event fact, std::uint64_t seed) {
  if (auto* completed = std::get_if<history::ActivityCompleted>(&fact)) disarm(completed->result, seed);
  else if (auto* failed = std::get_if<history::ActivityFailed>(&fact)) disarm(failed->fault, seed);
  else if (auto* signal = std::get_if<history::SignalReceived>(&fact)) disarm(signal->payload, seed);
  else if (auto* update = std::get_if<history::UpdateReceived>(&fact)) disarm(update->argument, seed);
  else if (auto* review = std::get_if<history::ReviewDecided>(&fact)) disarm(review->data, seed);
  else if (auto* event = std::get_if<history::EventReceived>(&fact)) disarm(event->event, seed);
  else if (auto* child = std::get_if<history::ChildEnded>(&fact)) {
    disarm(child->output, seed);
    disarm(child->fault, seed);
  }
  return fact;
}

Bytes masked_json(const Bytes& json, const std::vector<std::string>& values) {
  if (values.empty() || json.empty()) return json;
  const auto value = parse_json(json.view());
  return value ? Bytes(to_json(masked_value(*value, values))) : Bytes(std::string("\"***\""));
}

activity::Outcome masked(activity::Outcome outcome, const std::vector<std::string>& values) {
  if (values.empty()) return outcome;
  if (outcome.ok) outcome.result = masked_json(outcome.result, values);
  for (std::string* text : {&outcome.error.title, &outcome.error.detail}) *text = masked_text(std::move(*text), values);
  return outcome;
}

}  // namespace perdure::runtime
