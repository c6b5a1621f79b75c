//! output: plugins/reverse.so
#include "plugin.h"

#include <string.h>

const char plugin_name[] = "reverse";

void plugin_apply(char *text) {
  for (char *end = text + strlen(text); end - text > 1; text++) {
    char byte = *--end;
    *end = *text;
    *text = byte;
  }
}
