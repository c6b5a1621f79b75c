#define NAME "d"
#include "../order.h"
