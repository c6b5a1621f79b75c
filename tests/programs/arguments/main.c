//! Arguments, environment, standard input and the exit status.
//!
//! run: main.wasm
//! stdout: NAME is not set
//! stdout: EMPTY is not set
//! stdout: HOME is not set
//! stdout: end of input: 1
//!
//! run: --env NAME=dynvm --env EMPTY= main.wasm one "two words" ""
//! stdin: first line
//! stdin: second line
//! stdout: argument 1 of 3: "one"
//! stdout: argument 2 of 3: "two words"
//! stdout: argument 3 of 3: ""
//! stdout: NAME="dynvm"
//! stdout: EMPTY=""
//! stdout: HOME is not set
//! stdout: read: first line
//! stdout: read: second line
//! stdout: end of input: 1
//!
//! run: main.wasm exit 3
//! stdout: argument 1 of 2: "exit"
//! stdout: argument 2 of 2: "3"
//! stdout: NAME is not set
//! stdout: EMPTY is not set
//! stdout: HOME is not set
//! stdout: end of input: 1
//! exit: 3
//!
//! run: main.wasm -- --not-an-option
//! stdout: argument 1 of 2: "--"
//! stdout: argument 2 of 2: "--not-an-option"
//! stdout: NAME is not set
//! stdout: EMPTY is not set
//! stdout: HOME is not set
//! stdout: end of input: 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_variable(const char *name) {
  const char *value = getenv(name);
  if (value == NULL) {
    printf("%s is not set\n", name);
  } else {
    printf("%s=\"%s\"\n", name, value);
  }
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("argument %d of %d: \"%s\"\n", i, argc - 1, argv[i]);
  if (argv[argc] != NULL) puts("argv does not end with NULL");
  print_variable("NAME");
  print_variable("EMPTY");
  print_variable("HOME"); /* of the host: not granted */
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) printf("read: %s", line);
  fprintf(stdout, "end of input: %d\n", feof(stdin));
  return argc == 3 && strcmp(argv[1], "exit") == 0 ? atoi(argv[2]) : 0;
}
