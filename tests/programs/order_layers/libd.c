//! needed: libg libh
#define NAME "d"
#include "../order.h"
