//! needed: libi
#define NAME "g"
#include "../order.h"
