//! needed: libf
#define NAME "e"
#include "../order.h"
