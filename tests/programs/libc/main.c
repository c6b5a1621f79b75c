//! The small C library itself. What is printed here is what a native build prints.
//!
//! run: main.wasm
//! stdout: [42] [   42] [42   ] [00042] [+42] [ 42] [042]
//! stdout: [42] [ff] [FF] [0xff] [10] [010] [c] [%]
//! stdout: [-9223372036854775808] [18446744073709551615] [44] [4464] [4]
//! stdout: [text] [      text] [text      ] [te] [     7]
//! stdout: [0.000000] [0] [0.000000e+00] [0] [0] [      0.00]
//! stdout: [1.000000] [1] [1.000000e+00] [1] [1] [      1.00]
//! stdout: [-1.500000] [-2] [-1.500000e+00] [-1.5] [-1.5] [     -1.50]
//! stdout: [3.141593] [3] [3.141593e+00] [3.14159] [3.14159265358979] [      3.14]
//! stdout: [0.000010] [0] [1.000000e-05] [1e-05] [1.0000000000000001e-05] [      0.00]
//! stdout: [123456789.000000] [123456789] [1.234568e+08] [1.23457e+08] [123456789] [123456789.00]
//! stdout: [10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104.000000] [10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104] [1.000000e+100] [1e+100] [1e+100] [10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104.00]
//! stdout: [2.500000] [2] [2.500000e+00] [2.5] [2.5] [      2.50]
//! stdout: [0.100000] [0] [1.000000e-01] [0.1] [0.10000000000000001] [      0.10]
//! stdout: inf -INF 4.940656e-324 1.79769e+308
//! stdout: -42 31 511 1295
//! stdout: rest: "x"
//! stdout: 9223372036854775807 out of range
//! stdout: 12 1500 -0.125 0.5
//! stdout: 19 1 0 1
//! stdout: quick brown fox|ox|own fox|x
//! stdout: 4 4
//! stdout: <The><quick><brown><fox>
//! stdout: aabcd duplicate
//! stdout: 10000 00100 10010 01000 00001 00100
//! stdout: 15 "too lon"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void integers(void) {
  printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d]\n", 42, 42, 42, 42, 42, 42, 42);
  printf("[%u] [%x] [%X] [%#x] [%o] [%#o] [%c] [%%]\n", 42u, 255u, 255u, 255u, 8u, 8u, 'c');
  printf("[%lld] [%llu] [%hhd] [%hd] [%zu]\n", LLONG_MIN, ULLONG_MAX, 300, 70000, sizeof(int));
  printf("[%s] [%10s] [%-10s] [%.2s] [%*d]\n", "text", "text", "text", "text", 6, 7);
}

static void reals(void) {
  static const double values[] = {0, 1, -1.5, 3.14159265358979, 1e-5, 123456789, 1e100, 2.5, 0.1};
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
    printf("[%f] [%.0f] [%e] [%g] [%.17g] [%10.2f]\n", values[i], values[i], values[i], values[i],
           values[i], values[i]);
  printf("%f %F %e %g\n", 1e308 * 10, -1e308 * 10, 5e-324, 1.7976931348623157e308);
}

static void numbers(void) {
  char *end;
  printf("%ld %ld %ld %ld\n", strtol("  -42x", &end, 10), strtol("0x1f", NULL, 0),
         strtol("777", NULL, 8), strtol("zz", NULL, 36));
  printf("rest: \"%s\"\n", end);
  errno = 0;
  printf("%lld", strtoll("99999999999999999999", NULL, 10));
  printf(" %s\n", errno == ERANGE ? "out of range" : "?");
  printf("%d %g %g %g\n", atoi("12ab"), atof("1.5e3"), strtod("-0.125 ", &end), atof(".5"));
}

static void strings(void) {
  char text[64] = "The quick brown fox";
  printf("%zu %d %d %d\n", strlen(text), strcmp("a", "b") < 0, strncmp("abc", "abd", 2),
         memcmp("b", "a", 1) > 0);
  printf("%s|%s|%s|%s\n", strchr(text, 'q'), strrchr(text, 'o'), strstr(text, "own"),
         strpbrk(text, "xyz"));
  printf("%zu %zu\n", strspn("aabbc", "ab"), strcspn("aabbc", "c"));
  for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) printf("<%s>", word);
  char copy[16] = "";
  strncat(strcpy(copy, "ab"), "cdef", 2);
  memmove(copy + 1, copy, 4);
  printf("\n%s %s\n", copy, strdup("duplicate"));
  for (const char *at = "a Z5_\n"; *at != '\0'; at++)
    printf("%d%d%d%d%d%c", !!isalpha(*at), !!isdigit(*at), !!isspace(*at), !!isupper(*at),
           !!ispunct(*at), *at == '\n' ? '\n' : ' ');
}

int main(void) {
  integers();
  reals();
  numbers();
  strings();
  char small[8];
  printf("%d \"%s\"\n", snprintf(small, sizeof small, "%s", "too long for it"), small);
  return 0;
}
