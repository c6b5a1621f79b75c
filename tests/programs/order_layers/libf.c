//! needed: libg libh
#define NAME "f"
#include "../order.h"
