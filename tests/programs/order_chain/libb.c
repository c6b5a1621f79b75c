//! needed: libc libd
#define NAME "b"
#include "../order.h"
