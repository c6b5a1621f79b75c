//! output: plugins/upper.so
#include "plugin.h"

#include <ctype.h>

const char plugin_name[] = "upper";

__attribute__((constructor)) static void opened(void) { host_log("upper is there"); }
__attribute__((destructor)) static void closed(void) { host_log("upper is gone"); }

void plugin_apply(char *text) {
  for (; *text != '\0'; text++) *text = (char)toupper(*text);
}
