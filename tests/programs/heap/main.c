//! The heap: grown over its first pages, shared by all modules, refused beyond the limit.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: 0 errors
//! stdout: 10 MiB: given
//! stdout: 12 MiB in its place: given
//! stdout: 40 MiB: given
//! stdout: 4 GiB: refused
//! stdout: 8 GiB, more than a size_t counts: refused
//! stdout: aligned to a page: 0
//!
//! run: --max-memory 33554432 main.wasm
//! stdout: 0 errors
//! stdout: 10 MiB: given
//! stdout: 12 MiB in its place: given
//! stdout: 40 MiB: refused
//! stdout: 4 GiB: refused
//! stdout: 8 GiB, more than a size_t counts: refused
//! stdout: aligned to a page: 0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *filled(size_t size, char byte);

enum { COUNT = 1000 };

int main(void) {
  static char *blocks[COUNT];
  unsigned state = 1;
  int errors = 0;
  for (int round = 0; round < 20000; round++) {
    state = state * 1103515245 + 12345;
    char **block = &blocks[state >> 8 & 1023];
    if (block >= blocks + COUNT) continue;
    if (*block != NULL && (*block)[0] != (*block)[strlen(*block) - 1]) errors++;
    free(*block);
    *block = filled(1 + (state >> 20), (char)('a' + round % 26));
    if ((uintptr_t)*block % 16 != 0) errors++;
  }
  printf("%d errors\n", errors);
  for (int i = 0; i < COUNT; i++) free(blocks[i]);

  /* Kept where the compiler cannot see that nobody uses them. */
  static char *volatile large;
  large = malloc(10 << 20);
  printf("10 MiB: %s\n", large == NULL ? "refused" : "given");
  large = realloc(large, 12 << 20);
  printf("12 MiB in its place: %s\n", large == NULL ? "refused" : "given");
  free(large);
  large = malloc(40 << 20);
  printf("40 MiB: %s\n", large == NULL ? "refused" : "given");
  large = malloc(0xfff00000);
  printf("4 GiB: %s\n", large == NULL ? "refused" : "given");
  large = calloc(1u << 31, 4);
  printf("8 GiB, more than a size_t counts: %s\n", large == NULL ? "refused" : "given");
  large = aligned_alloc(65536, 1);
  printf("aligned to a page: %d\n", (int)((uintptr_t)large % 65536));
  return 0;
}
