#include <stdio.h>
#include <string.h>

static char text[64] = "hello, ";
const char *name_of_main(void);
int twice(int value) { return 2 * value; }
void call_back(int (*function)(int), int value) { printf("%d\n", function(value)); }
const char *greet_main(void) { return strcat(text, name_of_main()); }
