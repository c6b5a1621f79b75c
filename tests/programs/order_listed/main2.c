//! kind: program
//! needed: libe libd libc libb liba
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
