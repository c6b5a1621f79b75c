/* A module that cannot be opened: nobody has what it calls. */
int lua_of_tomorrow(void *L);

int luaopen_broken(void *L) { return lua_of_tomorrow(L); }
