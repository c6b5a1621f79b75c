//! needed: libpong
#include "table.h"

struct ball ball;

void ping(void (*report)(const char *, int)) {
  if (ball.hits == ball.hits_max) return;
  if (ball.hits == 0) served++;
  ball.last = "ping";
  report("ping", ++ball.hits);
  pong(report);
}
