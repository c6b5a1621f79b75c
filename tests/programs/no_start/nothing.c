//! kind: program
//! crt1: no
//! link: -pie --experimental-pic --import-memory --export-dynamic --no-entry --unresolved-symbols=import-dynamic -Bdynamic
int some_function(int value) { return value; }
