// Calls as native code, in the protocol of bench/peers/wasmtime: each line of standard input,
// `call NAME ITERATIONS ARG`, is answered by nanoseconds and the result.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "calls-each.h"

#define OWN(k)                                                   \
  static int own_sink##k;                                        \
  __attribute__((noinline, noclone)) static int m##k(int x) {    \
    *(volatile int *)&own_sink##k = x;                           \
    return x + 1;                                                \
  }                                                              \
  int l##k(int x);
EACH(OWN)

#define OWN_POINTER(k) m##k,
#define OTHER_POINTER(k) l##k,
typedef int (*function)(int);
static function volatile pointers[2][SITES] = {{EACH(OWN_POINTER)}, {EACH(OTHER_POINTER)}};

#define CALL_OWN(k) x = m##k(x);
#define CALL_OTHER(k) x = l##k(x);
#define CALL_POINTER(k) x = array[k](x);
#define LOOP(name, body)                     \
  static int name(unsigned n, int which) {   \
    function volatile *array = pointers[which]; \
    (void)array;                             \
    int x = 0;                               \
    do {                                     \
      body                                   \
    } while (--n);                           \
    return x;                                \
  }
LOOP(inside_1, CALL_OWN(0))
LOOP(across_1, CALL_OTHER(0))
LOOP(indirect_1, CALL_POINTER(0))
LOOP(inside_all, EACH(CALL_OWN))
LOOP(across_all, EACH(CALL_OTHER))
LOOP(indirect_all, EACH(CALL_POINTER))

static const struct {
  const char *name;
  int (*run)(unsigned, int);
} loops[] = {{"m_inside_1", inside_1},           {"m_across_1", across_1},
             {"m_indirect_1", indirect_1},       {"m_inside_1024", inside_all},
             {"m_across_1024", across_all},      {"m_indirect_1024", indirect_all}};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(void) {
  char name[64];
  unsigned count;
  char arg[16];
  while (scanf("%*s %63s %u %15s", name, &count, arg) == 3) {
    size_t found = 0;
    while (found < sizeof loops / sizeof *loops && strcmp(loops[found].name, name)) found++;
    if (found == sizeof loops / sizeof *loops) return 1;
    double start = now();
    int result = loops[found].run(count, arg[0] == '1');
    printf("%.0f %d\n", now() - start, result);
    fflush(stdout);
  }
  return 0;
}
