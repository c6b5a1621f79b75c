//! The last of three wrappers, which have nothing else in common.
//! cflags: -DNUMBER=3
#include "wrap.h"
