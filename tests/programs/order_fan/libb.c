//! needed: libf
#define NAME "b"
#include "../order.h"
