const char *color(void);
extern int shade;
const char *user_color(void);
int user_shade(void);
