//! qsort in one module, the comparator in another, the data in a third.
//!
//! needed: libnames liborder
//!
//! run: main.wasm
//! stdout: as they come: Grace Ada Barbara Frances Jean Margaret Kay
//! stdout: by name: Ada Barbara Frances Grace Jean Kay Margaret
//! stdout: Grace is number 3, after comparing: yes
//! stdout: by size: Ada Kay Jean Grace Barbara Frances Margaret
//!
//! run: main.wasm wrong
//! stdout: as they come: Grace Ada Barbara Frances Jean Margaret Kay
//! stdout: by name: Ada Barbara Frances Grace Jean Kay Margaret
//! stdout: Grace is number 3, after comparing: yes
//! stdout: by size: Ada Kay Jean Grace Barbara Frances Margaret
//! stderr: dynvm: wasm trap: indirect call type mismatch: expected (i32, i32) -> (i32), found `main.wasm!by_accident` of type () -> (i32) at table index 2
//! stderr:   #0 libmini.so!sift_down+0x4a
//! stderr:   #1 libmini.so!qsort+0x22
//! stderr:   #2 main.wasm!main+0x2c7
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char *names[]; /* libnames */
extern const int names_len;
int by_size(const void *a, const void *b); /* liborder */

static int comparisons;

static int by_name(const void *a, const void *b) {
  comparisons++;
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static long by_accident(void) { return 0; }

static void print(const char *title) {
  printf("%s:", title);
  for (int i = 0; i < names_len; i++) printf(" %s", names[i]);
  putchar('\n');
}

int main(int argc, char **argv) {
  print("as they come");
  qsort(names, names_len, sizeof *names, by_name);
  print("by name");
  const char *wanted = "Grace";
  const char **found = bsearch(&wanted, names, names_len, sizeof *names, by_name);
  printf("%s is number %d, after comparing: %s\n", wanted, (int)(found - names),
         comparisons > 0 ? "yes" : "no");
  qsort(names, names_len, sizeof *names, by_size);
  print("by size");
  if (argc > 1) {
    int (*volatile wrong)(const void *, const void *) = (void *)by_accident;
    qsort(names, names_len, sizeof *names, wrong);
  }
  return 0;
}
