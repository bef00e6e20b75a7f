#pragma once
// Which planted bug lives in this process; the generated copies of the sources ask (mutants.py).

namespace perdure {

inline int chosen_mutant = 0;  // 0: none
inline bool mutant_reached = false;

inline bool mutant(int number) {
  if (number != chosen_mutant) return false;
  mutant_reached = true;
  return true;
}

}  // namespace perdure
