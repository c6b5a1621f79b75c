//! needed: libg libh
#define NAME "e"
#include "../order.h"
