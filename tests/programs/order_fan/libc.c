//! needed: libf
#define NAME "c"
#include "../order.h"
