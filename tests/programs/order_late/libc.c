#define NAME "c"
#include "../order.h"
