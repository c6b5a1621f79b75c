//! needed: libb libc libd libe
#define NAME "a"
#include "../order.h"
