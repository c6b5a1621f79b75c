//! needed: libd
#define NAME "c"
#include "../order.h"
