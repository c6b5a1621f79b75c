//! needed: libfailure
//! output: throws.so
#include <cstdio>
#include <stdexcept>

#include "failure.h"

static struct Loud {
  Loud() { puts("+throws"); }
  ~Loud() { puts("-throws"); }
} loud;

extern "C" void fail(int number) {
  switch (number) {
  case 0: throw Failure(7);
  case 1: throw std::runtime_error("failed, says the library of C++");
  default: throw number;
  }
}

// Both types of the exception are known here.
extern "C" int catches(void (*function)(int)) {
  try {
    function(0);
  } catch (const Failure &failure) {
    return failure.number;
  } catch (const std::exception &) {
    return -1;
  }
  return 0;
}
