#include "runtime/plans.h"

#include <algorithm>
#include <tuple>

#include "base/json.h"
#include "plan/secrets.h"

namespace perdure::runtime {
namespace {

constexpr std::size_t k_recent_plans = 64;
constexpr std::size_t k_page = 1000;

// A part of a key: '/' and '%' are written %2F and %25, so that names with slashes don't collide.
std::string key_part(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '/') out += "%2F";
    else if (c == '%') out += "%25";
    else out += c;
  }
  return out;
}

std::string from_key_part(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "%2F") {
      out += '/';
      i += 2;
    } else if (text.substr(i, 3) == "%25") {
      out += '%';
      i += 2;
    } else out += text[i];
  }
  return out;
}

}  // namespace

std::string plan_key(std::string_view hash) { return "plan/" + std::string(hash); }

std::string workflow_key(std::string_view name, std::string_view version) {
  return "workflow/" + key_part(name) + "/" + key_part(version);
}

PlanPtr Plans::adopt(std::shared_ptr<const plan::Plan> plan) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(plan->hash); found != entries_.end())
      if (auto entry = found->second.lock()) return entry;
  }
  return keep(std::move(plan), false);
}

PlanPtr Plans::keep(std::shared_ptr<const plan::Plan> plan, bool stored) {
  auto entry = std::make_shared<PlanEntry>();
  entry->stored = stored;
  entry->routes.resize(plan->nodes.size());
  for (std::size_t i = 0; i < plan->nodes.size(); ++i) {
    const plan::Node& node = plan->nodes[i];
    if (node.kind == plan::Kind::review) entry->has_reviews = true;
    if (node.flow && node.flow->events) entry->listens = true;
    if (node.kind != plan::Kind::activity && node.kind != plan::Kind::map) continue;
    entry->routes[i] = make_route_(node);
    if (entry->routes[i].driver == nullptr && entry->unavailable.empty())
      entry->unavailable =
          "step '" + node.name + "' needs '" + entry->routes[i].type + "', which is not available in this build";
  }
  entry->secrets = plan::read_secrets(*plan);
  entry->plan = std::move(plan);
  const std::lock_guard lock(mutex_);
  auto& slot = entries_[entry->plan->hash];
  if (auto other = slot.lock()) return other;  // another thread was first
  slot = entry;
  remember(entry);
  return entry;
}

void Plans::remember(const PlanPtr& entry) {
  recent_.push_back(entry);
  if (recent_.size() <= k_recent_plans) return;
  recent_.pop_front();
  std::erase_if(entries_, [](const auto& item) { return item.second.expired(); });
}

Result<PlanPtr> Plans::by_hash(const std::string& hash) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(hash); found != entries_.end())
      if (auto entry = found->second.lock()) return PlanPtr(entry);
  }
  PERDURE_TRY(bytes, store_.get(plan_key(hash)));
  if (!bytes) return fail(ErrorCode::not_found, "plan " + hash + " is not in this store");
  auto decoded = plan::decode(bytes->view());
  if (!decoded) return wrap(std::move(decoded).error(), "plan " + hash);
  if ((*decoded)->hash != hash)
    return fail(ErrorCode::corrupt, "plan " + hash + ": its content has the hash " + (*decoded)->hash);
  return keep(std::move(*decoded), true);
}

Result<std::vector<engine::WorkflowInfo>> Plans::workflows(std::string_view name) {
  const std::string prefix = name.empty() ? "workflow/" : "workflow/" + key_part(name) + "/";
  std::vector<engine::WorkflowInfo> all;
  std::string after;
  while (true) {
    PERDURE_TRY(page, store_.scan(prefix, after, k_page));
    for (const auto& [key, bytes] : page) {
      const auto row = parse_json(bytes.view());
      const Value* hash = row ? row->find("hash") : nullptr;
      const Value* at = row ? row->find("registered_at") : nullptr;
      const std::size_t slash = key.find('/', 9);
      if (hash == nullptr || !hash->is_string() || at == nullptr || !at->is_integer() || slash == std::string::npos)
        return fail(ErrorCode::corrupt, "the registration '" + key + "' is damaged");
      all.push_back({from_key_part(std::string_view(key).substr(9, slash - 9)),
                     from_key_part(std::string_view(key).substr(slash + 1)), std::string(hash->as_string()),
                     at->as_int()});
    }
    if (page.size() < k_page) return all;
    after = page.back().first;
  }
}

namespace {
// By the numbers between dots; a pre-release comes before its release.
bool lower_version(std::string_view a, std::string_view b) {
  const auto part = [](std::string_view& text) {
    const std::size_t end = std::min(text.find('.'), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::uint64_t number = 0;
    std::size_t digits = 0;
    while (digits < word.size() && digits < 18 && word[digits] >= '0' && word[digits] <= '9')
      number = number * 10 + static_cast<std::uint64_t>(word[digits++] - '0');
    return std::tuple(number, digits == word.size(), std::string(word.substr(digits)));
  };
  while (!a.empty() || !b.empty()) {
    const auto x = part(a), y = part(b);
    if (x != y) return x < y;
  }
  return false;
}
}  // namespace

Result<PlanPtr> Plans::by_name(const std::string& name, const std::string& version) {
  PERDURE_TRY(known, workflows(name));
  const bool highest = version == "latest";
  std::erase_if(known, [&](const auto& info) { return !highest && !version.empty() && info.version != version; });
  if (known.empty())
    return fail(ErrorCode::not_found, "no workflow '" + name + (version.empty() ? "" : "@" + version) +
                                          "' is registered; register it, or give its file");
  const auto newest = std::max_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    if (highest) return lower_version(a.version, b.version);
    return std::pair(a.registered_at, a.version) < std::pair(b.registered_at, b.version);
  });
  return by_hash(newest->plan_hash);
}

}  // namespace perdure::runtime
