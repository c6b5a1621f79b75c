//! needed: libd libe libf
#define NAME "c"
#include "../order.h"
