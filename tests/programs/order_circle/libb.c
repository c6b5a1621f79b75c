//! needed: libc
#define NAME "b"
#include "../order.h"
