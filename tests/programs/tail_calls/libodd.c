//! cflags: -mtail-call
int is_even(int value);
static int (*volatile next)(int) = is_even;
int is_odd(int value) {
  if (value == 0) return 0;
  __attribute__((musttail)) return next(value - 1);
}
