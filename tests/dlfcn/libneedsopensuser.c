//! It needs the library whose constructor opens it.
//! needed: libopensuser
#define NAME "needsopensuser"
#include "loud.h"

int base(void);
int needs_opensuser(void) { return base() + 1; }
