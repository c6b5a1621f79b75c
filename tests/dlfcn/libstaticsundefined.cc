//! An object with a destructor in a library that cannot be bound.
#include <stdio.h>

extern "C" int nowhere_static();
struct Loud {
  Loud() { printf("make %d\n", nowhere_static()); }
  ~Loud() { puts("end"); }
};
static Loud object;
