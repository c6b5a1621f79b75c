//! The second user of libbottom's counter.
//! needed: libbottom
int bottom(void);
int use2(void) { return bottom(); }
