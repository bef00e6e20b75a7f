// Native functions of dates, all in UTC and independent of locale and environment. A broken-down time is an array of
// year, month from 0, day, hours, minutes, seconds (with fraction), day of week from Sunday, day of year from 0.
#include <array>
#include <chrono>
#include <cmath>

#include "expr/functions.h"
#include "expr/operations.h"

namespace perdure::expr {
namespace {

constexpr double k_seconds_max = 6e10;  // beyond the year 3000 by far; keeps years within four or five digits
constexpr std::array<std::string_view, 7> k_days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> k_months = {"January",   "February", "March",    "April",
                                                       "May",       "June",     "July",     "August",
                                                       "September", "October",  "November", "December"};

struct Broken {
  int year = 1900;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  double second = 0;
  int weekday = 0;
  int yearday = 0;
};

std::int64_t days_before(int year, int month, int day) {
  using namespace std::chrono;
  const int carried = year + (month >= 0 ? month / 12 : -((11 - month) / 12));
  const int in_year = ((month % 12) + 12) % 12;
  const sys_days first(year_month_day(std::chrono::year(carried),
                                      std::chrono::month(static_cast<unsigned>(in_year) + 1), std::chrono::day(1)));
  return first.time_since_epoch().count() + day - 1;
}

void set_day_numbers(Broken& t) {
  const std::int64_t days = days_before(t.year, t.month, t.day);
  t.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  t.yearday = static_cast<int>(days - days_before(t.year, 0, 1));
}

Broken break_down(double seconds) {
  using namespace std::chrono;
  const double whole = std::floor(seconds);
  const auto total = static_cast<std::int64_t>(whole);
  const std::int64_t day = (total >= 0 ? total : total - 86399) / 86400;
  const auto rest = static_cast<int>(total - day * 86400);
  const year_month_day date{sys_days(std::chrono::days(day))};
  Broken t;
  t.year = static_cast<int>(date.year());
  t.month = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  t.day = static_cast<int>(static_cast<unsigned>(date.day()));
  t.hour = rest / 3600;
  t.minute = rest / 60 % 60;
  t.second = rest % 60 + (seconds - whole);
  set_day_numbers(t);
  return t;
}

Value to_value(const Broken& t) {
  const double whole = std::floor(t.second);
  const Value second = whole == t.second ? Value(static_cast<std::int64_t>(whole)) : Value(t.second);
  return Value::array({Value(t.year), Value(t.month), Value(t.day), Value(t.hour), Value(t.minute), second,
                       Value(t.weekday), Value(t.yearday)});
}

bool from_value(Evaluator& evaluator, const Node& at, const Value& value, std::string_view who, Broken& t) {
  const auto bad = [&] {
    evaluator.raise(at, std::string(who) + " requires parsed datetime inputs");
    return false;
  };
  if (!value.is_array() || value.size() < 6) return bad();
  std::array<double, 8> numbers{};
  for (std::size_t i = 0; i < std::min<std::size_t>(value.size(), numbers.size()); ++i) {
    if (!value.items()[i].is_number()) return bad();
    numbers[i] = value.items()[i].as_double();
    if (!(std::fabs(numbers[i]) < 30000)) return bad();
  }
  t = {static_cast<int>(numbers[0]), static_cast<int>(numbers[1]), static_cast<int>(numbers[2]),
       static_cast<int>(numbers[3]), static_cast<int>(numbers[4]), numbers[5],
       static_cast<int>(numbers[6]), static_cast<int>(numbers[7])};
  if (t.second < 0) return bad();
  return true;
}

Value gmtime(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_number()) return evaluator.raise(at, "gmtime() requires numeric inputs");
  if (!(std::fabs(input.as_double()) < k_seconds_max * 20)) {
    return evaluator.raise(at, describe(input) + " is not a time in a supported year");
  }
  return to_value(break_down(input.as_double()));
}

Value to_seconds(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_array()) return evaluator.raise(at, "mktime requires array inputs");
  Broken t;
  if (!from_value(evaluator, at, input, "mktime", t)) return {};
  return days_before(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 +
         static_cast<std::int64_t>(t.second);
}

void append_padded(std::string& out, std::int64_t number, std::size_t width, char fill) {
  const std::string digits = std::to_string(number < 0 ? -number : number);
  if (number < 0) out.push_back('-');
  if (digits.size() < width) out.append(width - digits.size(), fill);
  out += digits;
}

// Year and week by ISO 8601: the week belongs to the year of its Thursday.
std::pair<int, int> iso_week(const Broken& t) {
  const int monday_first = (t.weekday + 6) % 7;
  const int thursday = t.yearday - monday_first + 3;
  const auto length = [](int year) { return static_cast<int>(days_before(year + 1, 0, 1) - days_before(year, 0, 1)); };
  if (thursday < 0) return {t.year - 1, (thursday + length(t.year - 1)) / 7 + 1};
  if (thursday >= length(t.year)) return {t.year + 1, (thursday - length(t.year)) / 7 + 1};
  return {t.year, thursday / 7 + 1};
}

bool format_time(const Broken& t, std::string_view format, std::string& out);

// One conversion; false when it is unknown.
bool format_one(const Broken& t, char c, std::string& out) {
  const int hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  const auto second = static_cast<std::int64_t>(t.second);
  const auto weekday = static_cast<std::size_t>(((t.weekday % 7) + 7) % 7);
  const auto month = static_cast<std::size_t>(((t.month % 12) + 12) % 12);
  switch (c) {
    case 'Y': append_padded(out, t.year, 1, '0'); return true;
    case 'C': append_padded(out, t.year / 100, 2, '0'); return true;
    case 'y': append_padded(out, ((t.year % 100) + 100) % 100, 2, '0'); return true;
    case 'm': append_padded(out, t.month + 1, 2, '0'); return true;
    case 'd': append_padded(out, t.day, 2, '0'); return true;
    case 'e': append_padded(out, t.day, 2, ' '); return true;
    case 'H': append_padded(out, t.hour, 2, '0'); return true;
    case 'k': append_padded(out, t.hour, 2, ' '); return true;
    case 'I': append_padded(out, hour12, 2, '0'); return true;
    case 'l': append_padded(out, hour12, 2, ' '); return true;
    case 'M': append_padded(out, t.minute, 2, '0'); return true;
    case 'S': append_padded(out, second, 2, '0'); return true;
    case 'j': append_padded(out, t.yearday + 1, 3, '0'); return true;
    case 'U': append_padded(out, (t.yearday + 7 - t.weekday) / 7, 2, '0'); return true;
    case 'W': append_padded(out, (t.yearday + 7 - (t.weekday + 6) % 7) / 7, 2, '0'); return true;
    case 'V': append_padded(out, iso_week(t).second, 2, '0'); return true;
    case 'G': append_padded(out, iso_week(t).first, 1, '0'); return true;
    case 'g': append_padded(out, iso_week(t).first % 100, 2, '0'); return true;
    case 'u': append_padded(out, weekday == 0 ? 7 : static_cast<std::int64_t>(weekday), 1, '0'); return true;
    case 'w': append_padded(out, static_cast<std::int64_t>(weekday), 1, '0'); return true;
    case 'a': out += k_days[weekday].substr(0, 3); return true;
    case 'A': out += k_days[weekday]; return true;
    case 'b':
    case 'h': out += k_months[month].substr(0, 3); return true;
    case 'B': out += k_months[month]; return true;
    case 'p': out += t.hour < 12 ? "AM" : "PM"; return true;
    case 'P': out += t.hour < 12 ? "am" : "pm"; return true;
    case 's':
      append_padded(out, days_before(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + second, 1, '0');
      return true;
    case 'Z': out += "UTC"; return true;
    case 'z': out += "+0000"; return true;
    case 'n': out.push_back('\n'); return true;
    case 't': out.push_back('\t'); return true;
    case '%': out.push_back('%'); return true;
    case 'D':
    case 'x': return format_time(t, "%m/%d/%y", out);
    case 'T':
    case 'X': return format_time(t, "%H:%M:%S", out);
    case 'R': return format_time(t, "%H:%M", out);
    case 'F': return format_time(t, "%Y-%m-%d", out);
    case 'r': return format_time(t, "%I:%M:%S %p", out);
    case 'c': return format_time(t, "%a %b %e %H:%M:%S %Y", out);
    default: return false;
  }
}

bool format_time(const Broken& t, std::string_view format, std::string& out) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out.push_back(format[i]);
    } else if (!format_one(t, format[++i], out)) {
      return false;
    }
  }
  return true;
}

Value strftime(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  Value parts = input.is_number() ? gmtime(evaluator, at, input, nullptr) : input;
  if (evaluator.stopped()) return {};
  if (!parts.is_array()) return evaluator.raise(at, "strftime/1 requires parsed datetime inputs");
  if (!arguments[0].is_string()) return evaluator.raise(at, "strftime/1 requires a string format");
  Broken t;
  if (!from_value(evaluator, at, parts, "strftime/1", t)) return {};
  if (!evaluator.charge(at, arguments[0].size() / 8)) return {};
  std::string out;
  if (!format_time(t, arguments[0].as_string(), out)) {
    return evaluator.raise(at, describe(arguments[0]) + " has an unknown conversion");
  }
  return evaluator.allow_bytes(at, out.size()) ? Value(std::string_view(out)) : Value();
}

class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text) {}
  bool read(std::string_view format);
  std::string_view rest() const { return text_; }
  Broken finish();

 private:
  bool number(std::size_t digits, int low, int high, int& out);
  template <std::size_t N>
  bool name(const std::array<std::string_view, N>& names, int& out);
  bool zone();
  bool epoch();
  bool one(char c);
  void skip_blank() {
    while (!text_.empty() && (text_.front() == ' ' || (text_.front() >= '\t' && text_.front() <= '\r'))) {
      text_.remove_prefix(1);
    }
  }
  std::string_view text_;
  Broken t_;
  bool afternoon_ = false;
  bool twelve_ = false;
  bool has_date_ = false;
  bool has_epoch_ = false;
  double epoch_ = 0;
};

bool TimeReader::number(std::size_t digits, int low, int high, int& out) {
  skip_blank();
  int value = 0;
  std::size_t n = 0;
  while (n < digits && n < text_.size() && text_[n] >= '0' && text_[n] <= '9') value = value * 10 + (text_[n++] - '0');
  if (n == 0 || value < low || value > high) return false;
  text_.remove_prefix(n);
  out = value;
  return true;
}

template <std::size_t N>
bool TimeReader::name(const std::array<std::string_view, N>& names, int& out) {
  const auto same = [this](std::string_view wanted) {
    if (text_.size() < wanted.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if ((text_[i] | 0x20) != (wanted[i] | 0x20)) return false;
    }
    return true;
  };
  for (std::size_t i = 0; i < N; ++i) {
    for (const std::string_view wanted : {names[i], names[i].substr(0, 3)}) {
      if (!same(wanted)) continue;
      text_.remove_prefix(wanted.size());
      out = static_cast<int>(i);
      return true;
    }
  }
  return false;
}

// The offset is read and, as by the C library, does not change the time.
bool TimeReader::zone() {
  skip_blank();
  if (!text_.empty() && text_.front() == 'Z') {
    text_.remove_prefix(1);
    return true;
  }
  if (text_.empty() || (text_.front() != '+' && text_.front() != '-')) return false;
  text_.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!number(2, 0, 14, hours)) return false;
  if (!text_.empty() && text_.front() == ':') text_.remove_prefix(1);
  if (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') return number(2, 0, 59, minutes);
  return true;
}

bool TimeReader::epoch() {
  std::size_t n = 0;
  while (n < text_.size() && n < 11 && text_[n] >= '0' && text_[n] <= '9') epoch_ = epoch_ * 10 + (text_[n++] - '0');
  text_.remove_prefix(n);
  return has_epoch_ = n > 0;
}

bool TimeReader::one(char c) {
  int value = 0;
  switch (c) {
    case 'Y':
      if (!number(4, 0, 9999, t_.year)) return false;
      return has_date_ = true;
    case 'y':
      if (!number(2, 0, 99, value)) return false;
      t_.year = value + (value < 69 ? 2000 : 1900);
      return has_date_ = true;
    case 'm':
      if (!number(2, 1, 12, value)) return false;
      t_.month = value - 1;
      return has_date_ = true;
    case 'd':
    case 'e': return has_date_ = number(2, 1, 31, t_.day);
    case 'H':
    case 'k': twelve_ = false; return number(2, 0, 23, t_.hour);
    case 'I':
    case 'l':
      if (!number(2, 1, 12, value)) return false;
      t_.hour = value % 12;
      return twelve_ = true;
    case 'M': return number(2, 0, 59, t_.minute);
    case 'S':
      if (!number(2, 0, 61, value)) return false;
      t_.second = value;
      return true;
    case 'j':
      if (!number(3, 1, 366, value)) return false;
      t_.yearday = value - 1;
      return true;
    case 'a':
    case 'A': return name(k_days, t_.weekday);
    case 'b':
    case 'B':
    case 'h': return has_date_ = name(k_months, t_.month);
    case 'p':
    case 'P': {
      static constexpr std::array<std::string_view, 2> k_halves = {"AM", "PM"};
      if (!name(k_halves, value)) return false;
      afternoon_ = value == 1;
      return true;
    }
    case 's': return epoch();
    case 'z': return zone();
    case 'Z':
      while (!text_.empty() &&
             ((text_.front() >= 'A' && text_.front() <= 'Z') || (text_.front() >= 'a' && text_.front() <= 'z')))
        text_.remove_prefix(1);
      return true;
    case 'n':
    case 't': skip_blank(); return true;
    case '%':
      if (text_.empty() || text_.front() != '%') return false;
      text_.remove_prefix(1);
      return true;
    case 'T': return read("%H:%M:%S");
    case 'R': return read("%H:%M");
    case 'F': return read("%Y-%m-%d");
    case 'D': return read("%m/%d/%y");
    case 'r': return read("%I:%M:%S %p");
    case 'c': return read("%a %b %e %H:%M:%S %Y");
    default: return false;
  }
}

bool TimeReader::read(std::string_view format) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    if (c == '%' && i + 1 < format.size()) {
      if (!one(format[++i])) return false;
    } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
      skip_blank();
    } else {
      if (text_.empty() || text_.front() != c) return false;
      text_.remove_prefix(1);
    }
  }
  return true;
}

Broken TimeReader::finish() {
  if (has_epoch_) return break_down(epoch_);
  if (twelve_ && afternoon_) t_.hour += 12;
  if (has_date_) set_day_numbers(t_);
  return t_;
}

Value strptime(Evaluator& evaluator, const Node& at, const Value& input, const Value* arguments) {
  if (!input.is_string()) return evaluator.raise(at, "strptime/1 requires string inputs and arguments");
  if (!arguments[0].is_string()) return evaluator.raise(at, "strptime/1 requires string inputs and arguments");
  if (!evaluator.charge(at, (input.size() + arguments[0].size()) / 8)) return {};
  TimeReader reader(input.as_string());
  if (!reader.read(arguments[0].as_string())) {
    return evaluator.raise(at, "date " + describe(input) + " does not match format " + describe(arguments[0]));
  }
  Value parts = to_value(reader.finish());
  if (!reader.rest().empty()) parts.push_back(Value(reader.rest()));
  return parts;
}

constexpr NativeFunction k_functions[] = {
    {"gmtime", 0, gmtime},
    {"mktime", 0, to_seconds},
    {"strftime", 1, strftime},
    {"strptime", 1, strptime},
};

}  // namespace

std::span<const NativeFunction> date_functions() { return k_functions; }

}  // namespace perdure::expr
