//! The second of three wrappers, which have nothing else in common.
//! cflags: -DNUMBER=2
#include "wrap.h"
