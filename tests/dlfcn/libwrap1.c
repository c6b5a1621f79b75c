//! The first of three wrappers, which have nothing else in common.
//! cflags: -DNUMBER=1
#include "wrap.h"
