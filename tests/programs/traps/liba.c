//! needed: libb
void b_fail(const char *how);

void a_fail(const char *how, void (*last)(const char *)) {
  last(how);
  b_fail(how);
  last(how); /* so that the call above is not the last thing */
}
