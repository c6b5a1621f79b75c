//! needed: libb
#define NAME "a"
#include "../order.h"
