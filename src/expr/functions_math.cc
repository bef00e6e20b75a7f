// Native functions of numbers.
#include <cmath>
#include <limits>

#include "expr/functions.h"
#include "expr/operations.h"

namespace perdure::expr {
namespace {

Value need_number(Evaluator& evaluator, const Node& at, const Value& value) {
  return evaluator.raise(at, describe(value) + " number required");
}

template <double (*F)(double)>
Value unary(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  return input.is_number() ? Value(F(input.as_double())) : need_number(evaluator, at, input);
}
template <double (*F)(double, double)>
Value binary(Evaluator& evaluator, const Node& at, const Value&, const Value* arguments) {
  for (int i = 0; i < 2; ++i) {
    if (!arguments[i].is_number()) return need_number(evaluator, at, arguments[i]);
  }
  return Value(F(arguments[0].as_double(), arguments[1].as_double()));
}

// A double that is a whole number that fits becomes exact again.
Value whole(double d) {
  return d >= -0x1p63 && d < 0x1p63 && d == std::trunc(d) ? Value(static_cast<std::int64_t>(d)) : Value(d);
}
template <double (*F)(double)>
Value rounding(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (input.is_integer()) return input;
  return input.is_number() ? whole(F(input.as_double())) : need_number(evaluator, at, input);
}

Value absolute(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_number()) return evaluator.raise(at, describe(input) + " has no absolute value");
  return input.as_double() < 0 ? negate(evaluator, at, input) : input;
}
Value power(Evaluator& evaluator, const Node& at, const Value&, const Value* arguments) {
  for (int i = 0; i < 2; ++i) {
    if (!arguments[i].is_number()) return need_number(evaluator, at, arguments[i]);
  }
  const double result = std::pow(arguments[0].as_double(), arguments[1].as_double());
  const bool exact = arguments[0].is_integer() && arguments[1].is_integer() && std::fabs(result) <= 0x1p53;
  return exact ? whole(result) : Value(result);
}
Value infinite(Evaluator&, const Node&, const Value&, const Value*) {
  return Value(std::numeric_limits<double>::infinity());
}
Value not_a_number(Evaluator&, const Node&, const Value&, const Value*) { return Value(std::nan("")); }

Value is_infinite(Evaluator&, const Node&, const Value& input, const Value*) {
  return Value(input.is_number() && std::isinf(input.as_double()));
}
Value is_nan(Evaluator&, const Node&, const Value& input, const Value*) {
  return Value(input.is_number() && std::isnan(input.as_double()));
}
Value is_normal(Evaluator&, const Node&, const Value& input, const Value*) {
  return Value(input.is_number() && std::isnormal(input.as_double()));
}

double exp10_of(double d) { return std::pow(10.0, d); }
double significand_of(double d) {
  if (d == 0 || !std::isfinite(d)) return d;
  int exponent = 0;
  return std::frexp(d, &exponent) * 2;
}
double gamma_of(double d) {
  int sign = 0;
  return ::lgamma_r(d, &sign);
}
double scale(double d, double by) { return std::ldexp(d, static_cast<int>(std::fmax(-4000, std::fmin(4000, by)))); }
double next_toward(double a, double b) { return std::nexttoward(a, static_cast<long double>(b)); }
double bessel_first(double n, double x) { return ::jn(static_cast<int>(std::fmax(-1000, std::fmin(1000, n))), x); }
double bessel_second(double n, double x) { return ::yn(static_cast<int>(std::fmax(-1000, std::fmin(1000, n))), x); }

Value fused(Evaluator& evaluator, const Node& at, const Value&, const Value* arguments) {
  for (int i = 0; i < 3; ++i) {
    if (!arguments[i].is_number()) return need_number(evaluator, at, arguments[i]);
  }
  return Value(std::fma(arguments[0].as_double(), arguments[1].as_double(), arguments[2].as_double()));
}
Value mantissa_and_exponent(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_number()) return need_number(evaluator, at, input);
  int exponent = 0;
  const double mantissa = std::frexp(input.as_double(), &exponent);
  return Value::array({Value(mantissa), Value(exponent)});
}
Value fraction_and_whole(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_number()) return need_number(evaluator, at, input);
  double integral = 0;
  const double fraction = std::modf(input.as_double(), &integral);
  return Value::array({Value(fraction), Value(integral)});
}
Value gamma_and_sign(Evaluator& evaluator, const Node& at, const Value& input, const Value*) {
  if (!input.is_number()) return need_number(evaluator, at, input);
  int sign = 0;
  const double gamma = ::lgamma_r(input.as_double(), &sign);
  return Value::array({Value(gamma), Value(sign)});
}

constexpr NativeFunction k_functions[] = {
    {"floor", 0, rounding<std::floor>},
    {"ceil", 0, rounding<std::ceil>},
    {"round", 0, rounding<std::round>},
    {"rint", 0, rounding<std::rint>},
    {"nearbyint", 0, rounding<std::nearbyint>},
    {"trunc", 0, rounding<std::trunc>},
    {"abs", 0, absolute},
    {"fabs", 0, absolute},
    {"pow", 2, power},
    {"infinite", 0, infinite},
    {"nan", 0, not_a_number},
    {"isinfinite", 0, is_infinite},
    {"isnan", 0, is_nan},
    {"isnormal", 0, is_normal},
    {"sqrt", 0, unary<std::sqrt>},
    {"cbrt", 0, unary<std::cbrt>},
    {"exp", 0, unary<std::exp>},
    {"exp2", 0, unary<std::exp2>},
    {"exp10", 0, unary<exp10_of>},
    {"pow10", 0, unary<exp10_of>},
    {"expm1", 0, unary<std::expm1>},
    {"log", 0, unary<std::log>},
    {"log2", 0, unary<std::log2>},
    {"log10", 0, unary<std::log10>},
    {"log1p", 0, unary<std::log1p>},
    {"logb", 0, unary<std::logb>},
    {"significand", 0, unary<significand_of>},
    {"gamma", 0, unary<gamma_of>},
    {"lgamma", 0, unary<gamma_of>},
    {"tgamma", 0, unary<std::tgamma>},
    {"erf", 0, unary<std::erf>},
    {"erfc", 0, unary<std::erfc>},
    {"sin", 0, unary<std::sin>},
    {"cos", 0, unary<std::cos>},
    {"tan", 0, unary<std::tan>},
    {"asin", 0, unary<std::asin>},
    {"acos", 0, unary<std::acos>},
    {"atan", 0, unary<std::atan>},
    {"sinh", 0, unary<std::sinh>},
    {"cosh", 0, unary<std::cosh>},
    {"tanh", 0, unary<std::tanh>},
    {"asinh", 0, unary<std::asinh>},
    {"acosh", 0, unary<std::acosh>},
    {"atanh", 0, unary<std::atanh>},
    {"j0", 0, unary<::j0>},
    {"j1", 0, unary<::j1>},
    {"y0", 0, unary<::y0>},
    {"y1", 0, unary<::y1>},
    {"jn", 2, binary<bessel_first>},
    {"yn", 2, binary<bessel_second>},
    {"atan2", 2, binary<std::atan2>},
    {"copysign", 2, binary<std::copysign>},
    {"drem", 2, binary<std::remainder>},
    {"remainder", 2, binary<std::remainder>},
    {"fdim", 2, binary<std::fdim>},
    {"fmax", 2, binary<std::fmax>},
    {"fmin", 2, binary<std::fmin>},
    {"fmod", 2, binary<std::fmod>},
    {"hypot", 2, binary<std::hypot>},
    {"ldexp", 2, binary<scale>},
    {"scalb", 2, binary<scale>},
    {"scalbln", 2, binary<scale>},
    {"nextafter", 2, binary<std::nextafter>},
    {"nexttoward", 2, binary<next_toward>},
    {"fma", 3, fused},
    {"frexp", 0, mantissa_and_exponent},
    {"modf", 0, fraction_and_whole},
    {"lgamma_r", 0, gamma_and_sign},
};

}  // namespace

std::span<const NativeFunction> math_functions() { return k_functions; }

}  // namespace perdure::expr
