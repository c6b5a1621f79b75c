#define NAME "e"
#include "../order.h"
