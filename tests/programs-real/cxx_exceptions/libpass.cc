//! needed: libthrow
#include <cstdio>

#include "throwing.h"

void pass(int number) {
  Guard outer("outer in pass");
  {
    Guard inner("inner in pass");
    throw_number(number);
  }
  std::printf("  pass returns\n");
}

void pass_and_rethrow(int number) {
  Guard guard("in pass_and_rethrow");
  try {
    pass(number);
  } catch (const std::exception &error) {
    std::printf("  seen on the way: %s\n", error.what());
    throw;
  }
}

int count_down(int depth) {
  if (depth == 0) throw depth;
  // No tail call: the sum comes after it.
  return count_down(depth - 1) + depth;
}
