struct point {
  int x, y;
};

extern int number, zeros[1000];
extern long long big;
extern double real;
extern char text[32];
extern struct point points[3], origin, *user_point;
int data_sum(void);
void user_change(void);
