//! needed: liba
#define NAME "c"
#include "../order.h"
