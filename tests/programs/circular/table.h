/* What the players share. */
struct ball {
  int hits, hits_max;
  const char *last;
};

extern struct ball ball; /* libping's */
extern int served;       /* libpong's */

void ping(void (*report)(const char *, int));
void pong(void (*report)(const char *, int));
void referee(const char *player, int count);
