//! One function has one address, whoever takes it and however.
//!
//! needed: liba libb
//!
//! run: main.wasm
//! stdout: main and the library that defines it: equal
//! stdout: main and another library: equal
//! stdout: code and static data: equal
//! stdout: main and dlsym: equal
//! stdout: what only its own library pointed to: equal
//! stdout: a function of main, seen by a library: equal
//! stdout: a function of main, found by dlsym: equal
//! stdout: the C library's: equal
//! stdout: another function: DIFFERENT
//! stdout: called a function of main
//! stdout: called a function of liba
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef void function(void);
function *a_address_of_shared(void), *b_address_of_shared(void), *b_address_of_own(void);
function *a_address_of_mains(void), *b_address_of_malloc(void);
void shared(void), own(void); /* of liba, of libb */

void mains(void) { puts("called a function of main"); }

static function *const in_static_data = shared;

static void compare(const char *what, function *a, function *b) {
  printf("%s: %s\n", what, a == b ? "equal" : "DIFFERENT");
}

int main(void) {
  compare("main and the library that defines it", shared, a_address_of_shared());
  compare("main and another library", shared, b_address_of_shared());
  compare("code and static data", shared, in_static_data);
  compare("main and dlsym", shared, (function *)dlsym(RTLD_DEFAULT, "shared"));
  compare("what only its own library pointed to", own, b_address_of_own());
  compare("a function of main, seen by a library", mains, a_address_of_mains());
  compare("a function of main, found by dlsym", mains, (function *)dlsym(RTLD_DEFAULT, "mains"));
  compare("the C library's", (function *)malloc, b_address_of_malloc());
  compare("another function", shared, own);
  a_address_of_mains()();
  ((function *)dlsym(RTLD_DEFAULT, "shared"))();
  return 0;
}
