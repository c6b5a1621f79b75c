//! A library without dependencies.
#define NAME "a"
#include "loud.h"

int a_data = 10;
int a(void) { return ++a_data; }
int who(void) { return 'a'; }
