/* Linked into every main program: where it starts. */
#include <stdlib.h>

#include "arguments.h"

void __wasm_call_ctors(void);
/* The two names that the compiler gives to main(void) and main(argc, argv). */
__attribute__((weak)) int __main_void(void);
__attribute__((weak)) int __main_argc_argv(int argc, char **argv);

void _start(void) {
  __wasm_call_ctors();
  if (__main_void != NULL) exit(__main_void());
  if (__main_argc_argv == NULL) abort();
  int argc;
  char **argv;
  __mini_arguments(&argc, &argv);
  exit(__main_argc_argv(argc, argv));
}
