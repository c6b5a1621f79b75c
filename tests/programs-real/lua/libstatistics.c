/* A module that needs another one's library. */
//! needed: libvector
#include <lua5.4/lauxlib.h>

double vector_sum(lua_State *L, int index);

static int mean(lua_State *L) {
  lua_Integer len = lua_tointeger(L, 2);
  if (len == 0) return luaL_error(L, "a mean of %s", "nothing");
  return lua_pushnumber(L, vector_sum(L, 1) / (double)len), 1;
}

int luaopen_statistics(lua_State *L) {
  const luaL_Reg functions[] = {{"mean", mean}, {NULL, NULL}};
  return luaL_newlib(L, functions), 1;
}
