--[[ Lua 5.4 as a shared library, and modules in C that it opens with dlopen.

//! toolchain: base lua
//!
//! run: -L $TOOLCHAIN/lua -L . --dir .::/p --env LUA_PATH=/p/?.lua --env LUA_CPATH=/p/lib?.so $TOOLCHAIN/lua/lua.wasm /p/modules.lua
//! stdout: 30.0 10.0 20.0
//! stdout: false	at 3.0
//! stdout: false	bad argument #-1 to 'vector.new' (number expected, got string)
//! stdout: false	bad argument #1 to '?' (vector expected, got FILE*)
//! stdout: 3
//! stdout: 3.0	1.0	2.0	over
//! stdout: false	attempt to yield across a C-call boundary
//! stdout: 2.0	false	a mean of nothing
//! stdout: 1
//! stdout: true	function
//! stdout: nil	/p/libvector.so: undefined symbol: luaopen_nothing	init
//! stdout: nil	/p/libbroken.so: undefined symbol: lua_of_tomorrow	open
//! stdout: nil	cannot load `/p/modules.lua`: not a WebAssembly module	open
//! stdout: open
//! stdout: module 'none' not found:
//! stdout: 	no field package.preload['none']
//! stdout: 	no file '/p/none.lua'
//! stdout: 	no file '/p/libnone.so'
//! stdout: 7	0	0	0	154	153	153	153	153	153	185	63
//!
//! run: -L $TOOLCHAIN/lua -L . --dir .::/p --env LUA_PATH=/p/?.lua --env LUA_CPATH=/p/lib?.so $TOOLCHAIN/lua/lua.wasm /p/modules.lua wild
//! stderr-contains: dynvm: wasm trap: out of bounds memory access: address 0xfffffff0, the memory has
//! stderr-contains: #0 libvector.so!wild+
//! stderr-contains: liblua5.4.so!luaV_execute+
//! stderr-contains: lua.wasm!main+
//! exit: 134
]]
local vector = require "vector"
if arg[1] == "wild" then vector.wild() end

-- Calls from Lua into C and back, and errors of both through frames of both.
local v = vector.new { 3, 1, 2 }
print(table.concat(v:map(function(x) return x * 10 end), " "))
print(pcall(v.map, v, function(x) error("at " .. x, 0) end))
print(pcall(vector.new, { 1, "two" }))
print(pcall(v.map, io.stdout, print))
print(#v:map(function() return select(2, pcall(error, v)) == v end))

-- Coroutines that yield with a frame of C below them.
local yielding = coroutine.wrap(function() return v:each(coroutine.yield) end)
print(yielding(), yielding(), yielding(), yielding())
print(pcall(coroutine.wrap(function() v:map(coroutine.yield) end)))

-- A module that needs another's library, the same that was opened.
local statistics = require "statistics"
print(statistics.mean(v, 3), pcall(statistics.mean, v, 0))

-- What the collector frees is freed by the library.
for i = 1, 1000 do vector.new { i } end
collectgarbage()
print(vector.count())

-- By hand, and what there is not.
print(package.loadlib("/p/libvector.so", "*"), type(package.loadlib("/p/libvector.so", "luaopen_vector")))
print(package.loadlib("/p/libvector.so", "luaopen_nothing"))
print(package.loadlib("/p/libbroken.so", "*"))
print(package.loadlib("/p/modules.lua", "*"))
print((select(3, package.loadlib("/p/libnone.so", "*"))))
print(select(2, pcall(require, "none")))
print(string.pack("<i4d", 7, 0.1):byte(1, -1))
