//! Constructors and destructors with priorities.
#include <stdio.h>

__attribute__((constructor(300))) static void c300(void) { puts("+300"); }
__attribute__((constructor(200))) static void c200(void) { puts("+200"); }
__attribute__((constructor)) static void c(void) { puts("+default"); }
__attribute__((destructor(300))) static void d300(void) { puts("-300"); }
__attribute__((destructor(200))) static void d200(void) { puts("-200"); }
__attribute__((destructor)) static void d(void) { puts("-default"); }
