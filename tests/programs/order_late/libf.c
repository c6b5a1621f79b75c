#define NAME "f"
#include "../order.h"
