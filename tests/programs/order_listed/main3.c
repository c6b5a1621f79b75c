//! kind: program
//! needed: libc liba libd libb libe
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
