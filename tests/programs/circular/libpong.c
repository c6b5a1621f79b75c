//! needed: libping
#include "table.h"

int served = 0;

void pong(void (*report)(const char *, int)) {
  if (ball.hits == ball.hits_max) return;
  ball.last = "pong";
  referee("pong", ++ball.hits);
  ping(report);
}
