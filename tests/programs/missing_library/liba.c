//! needed: libgone
int gone(void);
int a(void) { return gone(); }
