int nobody_has_this(int value), nor_that(void);
extern int no_such_data;
int broken(void) { return nobody_has_this(no_such_data) + nor_that(); }
