//! The first user of libbottom's counter.
//! needed: libbottom
int bottom(void);
int use1(void) { return bottom(); }
