#include "base/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace perdure {
namespace {

constexpr DurationMs k_second = 1000;
constexpr DurationMs k_minute = 60 * k_second;
constexpr DurationMs k_hour = 60 * k_minute;
constexpr DurationMs k_day = 24 * k_hour;
constexpr DurationMs k_week = 7 * k_day;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<Error> bad_duration(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid, "bad duration '" + std::string(text.substr(0, 64)) + "': " + std::string(why) +
                                      "; write it like 500ms, 30s, 5m, 1h30m, 7d or PT5M");
}

// `number` (with an optional fraction, cut below the millisecond) of `unit`s, or no value on overflow.
Result<DurationMs> scaled(std::string_view text, std::string_view number, DurationMs unit) {
  const std::size_t point = number.find_first_of(".,");
  const std::string_view whole = number.substr(0, point);
  DurationMs total = 0;
  if (!whole.empty()) {
    if (std::from_chars(whole.data(), whole.data() + whole.size(), total).ec != std::errc() ||
        __builtin_mul_overflow(total, unit, &total)) {
      return bad_duration(text, "too long");
    }
  }
  if (point != std::string_view::npos) {
    const std::string_view fraction = number.substr(point + 1);
    if (fraction.empty()) return bad_duration(text, "a digit is missing after the point");
    DurationMs digits = 0;
    DurationMs divisor = 1;
    for (const char c : fraction.substr(0, 9)) {
      if (!is_digit(c)) return bad_duration(text, "more than one point");
      digits = digits * 10 + (c - '0');
      divisor *= 10;
    }
    // unit <= one week, digits < 10^9: the product fits.
    if (__builtin_add_overflow(total, digits * unit / divisor, &total)) return bad_duration(text, "too long");
  }
  return total;
}

struct Unit {
  std::string_view name;
  DurationMs ms;
};

// Reads numbers followed by units, largest unit first and each at most once.
template <std::size_t N>
Result<DurationMs> read_parts(std::string_view text, std::string_view part, const std::array<Unit, N>& units) {
  DurationMs total = 0;
  std::size_t next_unit = 0;
  while (!part.empty()) {
    std::size_t n = 0;
    while (n < part.size() && (is_digit(part[n]) || part[n] == '.' || part[n] == ',')) ++n;
    if (n == 0) return bad_duration(text, "a number is expected");
    std::size_t u = n;
    while (u < part.size() && !is_digit(part[u])) ++u;
    std::string_view name = part.substr(n, u - n);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (name.empty()) return bad_duration(text, "a unit is missing");
    std::size_t found = 0;
    while (found < N && units[found].name != name) ++found;
    if (found == N) return bad_duration(text, "unknown unit '" + std::string(name) + "'");
    if (found < next_unit) return bad_duration(text, "units must go from large to small, each once");
    next_unit = found + 1;
    PERDURE_TRY(ms, scaled(text, part.substr(0, n), units[found].ms));
    if (__builtin_add_overflow(total, ms, &total)) return bad_duration(text, "too long");
    part.remove_prefix(u);
  }
  return total;
}

Result<DurationMs> parse_iso_duration(std::string_view text, Calendar calendar) {
  static constexpr std::array<Unit, 4> k_date = {{{"Y", 365 * k_day}, {"M", 30 * k_day}, {"W", k_week}, {"D", k_day}}};
  static constexpr std::array<Unit, 3> k_time = {{{"H", k_hour}, {"M", k_minute}, {"S", k_second}}};
  const std::string_view body = text.substr(1);
  const std::size_t t = body.find('T');
  const std::string_view date = body.substr(0, t);
  if (calendar == Calendar::refused && date.find_first_of("YM") != std::string_view::npos) {
    return bad_duration(text, "years and months have no fixed length");
  }
  const std::string_view time = t == std::string_view::npos ? std::string_view() : body.substr(t + 1);
  if ((date.empty() && time.empty()) || (t != std::string_view::npos && time.empty())) {
    return bad_duration(text, "it has no parts");
  }
  PERDURE_TRY(days, read_parts(text, date, k_date));
  PERDURE_TRY(rest, read_parts(text, time, k_time));
  DurationMs total = 0;
  if (__builtin_add_overflow(days, rest, &total)) return bad_duration(text, "too long");
  return total;
}

// Reads fixed fields of an RFC 3339 text; after the first misfit ok is false.
struct Fields {
  std::string_view text;
  bool ok = true;
  int number(std::size_t digits) {
    int v = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (text.empty() || !is_digit(text.front())) {
        ok = false;
        return 0;
      }
      v = v * 10 + (text.front() - '0');
      text.remove_prefix(1);
    }
    return v;
  }
  void expect(std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) ok = false;
    else text.remove_prefix(1);
  }
  bool accept(std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  }
};

}  // namespace

Result<DurationMs> parse_duration(std::string_view text, Calendar calendar) {
  static constexpr std::array<Unit, 6> k_units = {
      {{"w", k_week}, {"d", k_day}, {"h", k_hour}, {"m", k_minute}, {"s", k_second}, {"ms", 1}}};
  if (text.empty()) return bad_duration(text, "it is empty");
  if (text.front() == 'P') return parse_iso_duration(text, calendar);
  if (text.front() == '-') return bad_duration(text, "it can't be negative");
  return read_parts(text, text, k_units);
}

std::string format_duration(DurationMs duration) {
  static constexpr std::array<Unit, 4> k_units = {{{"d", k_day}, {"h", k_hour}, {"m", k_minute}, {"s", k_second}}};
  const bool negative = duration < 0;
  std::uint64_t left = negative ? ~static_cast<std::uint64_t>(duration) + 1 : static_cast<std::uint64_t>(duration);
  std::string out = negative ? "-" : "";
  if (left < static_cast<std::uint64_t>(k_second)) return out + std::to_string(left) + "ms";
  if (left < static_cast<std::uint64_t>(k_minute) && left % 1000 != 0) {  // "1.5s" reads better than "1s 500ms"
    std::string fraction = std::to_string(1000 + left % 1000).substr(1);
    while (fraction.back() == '0') fraction.pop_back();
    return out + std::to_string(left / 1000) + "." + fraction + "s";
  }
  for (std::size_t i = 0; i < k_units.size(); ++i) {
    const auto unit = static_cast<std::uint64_t>(k_units[i].ms);
    if (left < unit) continue;
    out += std::to_string(left / unit) + std::string(k_units[i].name);
    left %= unit;
    if (i + 1 < k_units.size()) {
      const auto smaller = static_cast<std::uint64_t>(k_units[i + 1].ms);
      if (left >= smaller) out += " " + std::to_string(left / smaller) + std::string(k_units[i + 1].name);
    }
    break;
  }
  return out;
}

Result<TimeMs> parse_timestamp(std::string_view text) {
  const auto bad = [text] {
    return fail(ErrorCode::invalid, "bad timestamp '" + std::string(text.substr(0, 64)) +
                                        "': write it like 2026-01-02T03:04:05Z or 2026-01-02");
  };
  Fields f{text};
  const int year = f.number(4);
  f.expect("-");
  const int month = f.number(2);
  f.expect("-");
  const int day = f.number(2);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!f.ok || !date.ok()) return bad();
  TimeMs time = std::chrono::sys_days(date).time_since_epoch().count() * k_day;
  if (f.text.empty()) return time;
  f.expect("Tt ");
  const int hour = f.number(2);
  f.expect(":");
  const int minute = f.number(2);
  f.expect(":");
  const int second = f.number(2);
  if (!f.ok || hour > 23 || minute > 59 || second > 60) return bad();
  time += hour * k_hour + minute * k_minute + second * k_second;
  if (f.accept(".,")) {
    if (f.text.empty() || !is_digit(f.text.front())) return bad();
    for (DurationMs unit = 100; !f.text.empty() && is_digit(f.text.front()); unit /= 10) {
      time += (f.text.front() - '0') * unit;
      f.text.remove_prefix(1);
    }
  }
  if (!f.accept("Zz")) {
    const bool west = !f.text.empty() && f.text.front() == '-';
    f.expect("+-");
    const int hours = f.number(2);
    f.expect(":");
    const int minutes = f.number(2);
    if (!f.ok || hours > 23 || minutes > 59) return bad();
    const DurationMs offset = hours * k_hour + minutes * k_minute;
    time += west ? offset : -offset;
  }
  if (!f.ok || !f.text.empty()) return bad();
  return time;
}

std::string format_timestamp(TimeMs time) {
  using namespace std::chrono;
  if (time == k_never) return "never";
  // RFC 3339 has the years 0 to 9999; what is beyond comes from damaged bytes only.
  constexpr TimeMs k_first = -62'167'219'200'000, k_last = 253'402'300'799'999;
  const auto point = sys_time<milliseconds>(milliseconds(std::clamp(time, k_first, k_last)));
  const auto day_start = floor<days>(point);
  const year_month_day date(day_start);
  const auto rest = (point - day_start).count();
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(rest / k_hour),
                static_cast<int>(rest / k_minute % 60), static_cast<int>(rest / k_second % 60),
                static_cast<int>(rest % k_second));
  return buffer.data();
}

}  // namespace perdure
