// The least that a native program does.
#include <stdio.h>

int main(void) {
  puts("hello");
  return 0;
}
