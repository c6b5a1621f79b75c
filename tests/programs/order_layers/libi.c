#define NAME "i"
#include "../order.h"
