#include "throwing.h"

#include <cstdio>

Guard::Guard(const char *name) : name(name) {}
Guard::~Guard() { std::printf("  gone: %s\n", name); }

void throw_number(int number) {
  Guard guard("in throw_number");
  switch (number) {
    case 1: throw Broken("it is broken", 17);
    case 2: throw 42;
    case 3: throw "a plain string";
    case 4: throw shop::Closed{9};
    case 5: throw std::string("not an exception class");
    default: break;
  }
}
