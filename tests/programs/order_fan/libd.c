//! needed: libf
#define NAME "d"
#include "../order.h"
