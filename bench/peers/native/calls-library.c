// The callees of calls.c that lie in another library: l0, l1, … store a word and add one.
#define CALLEE(k)                \
  static int sink##k;            \
  int l##k(int x) {              \
    *(volatile int *)&sink##k = x; \
    return x + 1;                \
  }
#include "calls-each.h"
EACH(CALLEE)
