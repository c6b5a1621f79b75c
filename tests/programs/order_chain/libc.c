//! needed: libe
#define NAME "c"
#include "../order.h"
