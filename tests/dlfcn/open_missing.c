//! A library that is nowhere.
//! kind: program
#include "test.h"

int main(void) { opened("libnowhere.so", RTLD_NOW); }
