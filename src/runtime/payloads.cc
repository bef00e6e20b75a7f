#include "runtime/payloads.h"

#include <algorithm>

#include "base/hash.h"
#include "base/limits.h"
#include "history/fields.h"

namespace perdure::runtime {
namespace {

// No JSON text begins with NUL, and no other bytes that do are written inline.
constexpr std::string_view k_mark{"\0blob:", 6};
constexpr std::size_t k_name_bytes = 64;

bool goes_outside(const Bytes& bytes) {
  return bytes.size() > k_payload_inline_bytes_max || (!bytes.empty() && bytes.view().front() == '\0');
}

// Calls `visit(Bytes&)` for every payload of an event; a RunStarted's info is copied only when `visit` wants to write.
template <class Visit>
void each_payload(const history::StartInfo& info, Visit&& visit) {
  visit(info.input);
  visit(info.carried_context);
  visit(info.detail);
  for (const history::Carried& carried : info.carried) visit(carried.output);
}

template <class Visit>
void each_payload(const history::Event& event, Visit&& visit) {
  std::visit(
      [&visit](const auto& e) {
        history::for_each_field(e, [&visit](std::string_view, const auto& field) {
          using Field = std::remove_cvref_t<decltype(field)>;
          if constexpr (std::is_same_v<Field, Bytes>) visit(field);
          else if constexpr (std::is_same_v<Field, std::shared_ptr<const history::StartInfo>>) {
            if (field) each_payload(*field, visit);
          }
        });
      },
      event);
}

// The same, for changing them.
template <class Change>
void change_payloads(history::Event& event, Change&& change) {
  std::visit(
      [&change](auto& e) {
        history::for_each_field(e, [&change](std::string_view, auto& field) {
          using Field = std::remove_cvref_t<decltype(field)>;
          if constexpr (std::is_same_v<Field, Bytes>) change(field);
          else if constexpr (std::is_same_v<Field, std::shared_ptr<const history::StartInfo>>) {
            if (!field) return;
            auto info = std::make_shared<history::StartInfo>(*field);
            each_payload(*info, [&change](const Bytes& payload) { change(const_cast<Bytes&>(payload)); });
            field = std::move(info);
          }
        });
      },
      event);
}

bool any_payload(const history::Event& event, bool (*wanted)(const Bytes&)) {
  bool found = false;
  each_payload(event, [&](const Bytes& payload) { found = found || wanted(payload); });
  return found;
}

bool is_mark(const Bytes& bytes) {
  return bytes.size() == k_mark.size() + k_name_bytes && bytes.view().starts_with(k_mark);
}

}  // namespace

Result<Payloads::Encoded> Payloads::encode(const history::Batch& batch) {
  Encoded encoded;
  if (std::none_of(batch.events.begin(), batch.events.end(),
                   [](const history::Event& event) { return any_payload(event, goes_outside); })) {
    encoded.batch = history::encode_batch(batch);
    return encoded;
  }
  history::Batch outside = batch;
  Status kept;
  for (history::Event& event : outside.events) {
    if (!any_payload(event, goes_outside)) continue;
    change_payloads(event, [&](Bytes& payload) {
      if (!kept || !goes_outside(payload)) return;
      std::string name = sha256_hex(payload.view());
      {
        const std::lock_guard lock(mutex_);
        ++pinned_[name];
      }
      encoded.blobs.push_back(name);
      if (auto put = store_.put_blob(payload); !put) kept = tl::unexpected<Error>(std::move(put).error());
      payload = Bytes(std::string(k_mark) + name);
    });
  }
  if (!kept) {
    unpin(encoded.blobs);
    return tl::unexpected<Error>(std::move(kept).error());
  }
  encoded.batch = history::encode_batch(outside);
  return encoded;
}

void Payloads::unpin(const std::vector<std::string>& blobs) {
  const std::lock_guard lock(mutex_);
  for (const std::string& name : blobs) {
    const auto found = pinned_.find(name);
    if (found != pinned_.end() && --found->second == 0) pinned_.erase(found);
  }
}

void Payloads::add_references(const RunKey& run, const std::vector<std::string>& blobs,
                              std::vector<storage::KeyWrite>& keys) {
  for (const std::string& name : blobs) {
    keys.push_back({"blobref/" + name + "/" + to_string(run), Bytes::copy("1")});
    keys.push_back({"runblob/" + to_string(run) + "/" + name, Bytes::copy("1")});
  }
}

Result<history::Batch> Payloads::decode(std::string_view bytes) {
  PERDURE_TRY(batch, history::decode_batch(bytes));
  Status found;
  for (history::Event& event : batch.events) {
    if (!any_payload(event, is_mark)) continue;
    change_payloads(event, [&](Bytes& payload) {
      if (!found || !is_mark(payload)) return;
      auto content = store_.get_blob(payload.view().substr(k_mark.size()));
      if (content) {
        payload = std::move(*content);
        return;
      }
      // Damage stays; a disk that fails may be read again.
      const bool damaged = content.error().code == ErrorCode::not_found;
      found = fail(damaged ? ErrorCode::corrupt : content.error().code,
                   "a large payload can't be read: " + content.error().message);
    });
  }
  if (!found) return tl::unexpected<Error>(std::move(found).error());
  return batch;
}

Result<Payloads::Released> Payloads::release(const RunKey& run) {
  constexpr std::size_t k_page = 1000;
  const std::string prefix = "runblob/" + to_string(run) + "/";
  Released released;
  std::string after;
  while (true) {
    PERDURE_TRY(page, store_.scan(prefix, after, k_page));
    for (const auto& [key, mark] : page) {
      const std::string name = key.substr(prefix.size());
      released.keys.push_back({key, std::nullopt});
      released.keys.push_back({"blobref/" + name + "/" + to_string(run), std::nullopt});
      released.blobs.push_back(name);
    }
    if (page.size() < k_page) return released;
    after = page.back().first;
  }
}

Status Payloads::erase_unused(const std::vector<std::string>& blobs) {
  for (const std::string& name : blobs) {
    const std::lock_guard lock(mutex_);
    if (pinned_.contains(name)) continue;  // a run is about to need it
    PERDURE_TRY(users, store_.scan("blobref/" + name + "/", "", 1));
    if (!users.empty()) continue;
    const Status erased = store_.erase_blob(name);
    if (!erased && erased.error().code != ErrorCode::not_found) return erased;
  }
  return {};
}

}  // namespace perdure::runtime
