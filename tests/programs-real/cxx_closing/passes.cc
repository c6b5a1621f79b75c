//! output: passes.so
#include <cstdio>

static struct Loud {
  Loud() { puts("+passes"); }
  ~Loud() { puts("-passes"); }
} loud;

struct Guard {
  ~Guard() { puts("  gone: in pass"); }
};

extern "C" void pass(void (*function)(int), int number) {
  Guard guard;
  function(number);
}
