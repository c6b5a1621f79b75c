const char *names[] = {"Grace", "Ada", "Barbara", "Frances", "Jean", "Margaret", "Kay"};
const int names_len = sizeof names / sizeof *names;
