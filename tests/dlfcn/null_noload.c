//! RTLD_NOLOAD with no name, or an empty one, finds the program; its handle finds nothing that is local.
//! kind: program
#include "test.h"

int main(void) {
  void *main_program = dlopen(NULL, RTLD_NOW);
  printf("%d\n", main_program == dlopen(NULL, RTLD_NOW | RTLD_NOLOAD));
  printf("%d\n", main_program == dlopen("", RTLD_LAZY | RTLD_NOLOAD));
  opened("liba.so", RTLD_NOW);
  call(main_program, "a");
  opened("liba.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(main_program, "a");
}
