//! needed: libd libe libf
#define NAME "b"
#include "../order.h"
