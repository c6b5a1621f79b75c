//! needed: libc libd libe
#define NAME "b"
#include "../order.h"
