//! needed: libb libc
#define NAME "a"
#include "../order.h"
