//! A library with a thread-local variable.
#define NAME "tls"
#include "loud.h"

_Thread_local int tls_value = 7;
_Thread_local int tls_zero;
int tls_bump(void) { return ++tls_value + ++tls_zero; }
