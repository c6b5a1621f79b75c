//! kind: program
//! crt1: no
//! link: -pie --experimental-pic --import-memory --export-dynamic --no-entry --unresolved-symbols=import-dynamic -Bdynamic
#include <stdio.h>

int main(int argc, char **argv) {
  printf("%d arguments\n", argc - 1);
  for (int i = 1; i < argc; i++) puts(argv[i]);
  return 0;
}
