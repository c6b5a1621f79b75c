//! needed: libd libe
#define NAME "b"
#include "../order.h"
