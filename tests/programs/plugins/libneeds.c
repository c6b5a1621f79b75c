//! needed: liba
//! runpath: $ORIGIN
int answer(void);
extern int value;
int through(void) { return answer() + value; }
