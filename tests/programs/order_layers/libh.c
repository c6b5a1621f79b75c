//! needed: libi
#define NAME "h"
#include "../order.h"
