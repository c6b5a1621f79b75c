//! needed: libjump
#include "jump.h"

int attempt(void (*body)(jmp_buf, int), int argument) {
  jmp_buf back;
  int value = setjmp(back);
  if (value == 0) {
    body(back, argument);
    return 0;
  }
  return value;
}
