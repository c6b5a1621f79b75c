/* A module of Lua's in C: it needs no library, and finds Lua's functions in the program's scope. */
#include <lua5.4/lauxlib.h>

typedef struct { int len; double at[]; } Vector;

static int alive;

/* For the other module. */
double vector_sum(lua_State *L, int index) {
  Vector *vector = luaL_checkudata(L, index, "vector");
  double sum = 0;
  for (int i = 0; i < vector->len; i++) sum += vector->at[i];
  return sum;
}

static int new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int len = (int)luaL_len(L, 1);
  Vector *vector = lua_newuserdatauv(L, sizeof(Vector) + (size_t)len * sizeof(double), 0);
  vector->len = len;
  for (int i = 0; i < len; i++) {
    lua_geti(L, 1, i + 1);
    vector->at[i] = luaL_checknumber(L, -1); /* may leave by longjmp */
    lua_pop(L, 1);
  }
  luaL_setmetatable(L, "vector");
  alive++;
  return 1;
}

static int gc(lua_State *L) { return alive--, 0; }
static int count(lua_State *L) { return lua_pushinteger(L, alive), 1; }

/* v:map(f): what f returns; an error in it passes through here. */
static int map(lua_State *L) {
  Vector *vector = luaL_checkudata(L, 1, "vector");
  lua_createtable(L, vector->len, 0);
  for (int i = 0; i < vector->len; i++) {
    lua_pushvalue(L, 2);
    lua_pushnumber(L, vector->at[i]);
    lua_call(L, 1, 1);
    lua_seti(L, 3, i + 1);
  }
  return 1;
}

/* v:each(f): like map without results, and f may yield. */
static int step(lua_State *L, int status, lua_KContext at) {
  Vector *vector = luaL_checkudata(L, 1, "vector");
  for (; at < vector->len; at++) {
    lua_pushvalue(L, 2);
    lua_pushnumber(L, vector->at[at]);
    lua_callk(L, 1, 0, at + 1, step);
  }
  return lua_pushliteral(L, "over"), 1;
}
static int each(lua_State *L) { return step(L, LUA_OK, 0); }

/* Reads what no memory is. */
static int wild(lua_State *L) { return lua_pushinteger(L, *(volatile int *)0xfffffff0), 1; }

int luaopen_vector(lua_State *L) {
  const luaL_Reg methods[] = {{"map", map}, {"each", each}, {"__gc", gc}, {NULL, NULL}};
  luaL_newmetatable(L, "vector");
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  const luaL_Reg functions[] = {{"new", new}, {"count", count}, {"wild", wild}, {NULL, NULL}};
  return luaL_newlib(L, functions), 1;
}
