//! needed: libe
#define NAME "d"
#include "../order.h"
