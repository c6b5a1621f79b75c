-- C modules that `require` opens with dlopen, and errors of dlopen and dlsym as Lua has them.
local lpeg, cjson = require "lpeg", require "cjson"
print(lpeg.match(lpeg.C(lpeg.R "az" ^ 1) * " " * lpeg.C(lpeg.R "09" ^ 1), "hello 123"))
local value = cjson.decode '{"a":[1,2,{"b":null}],"c":"\\u00e9"}'
print(value.a[2], value.a[3].b == cjson.null, value.c, cjson.encode { 1, 2, { x = 1.5 } })
print(pcall(cjson.decode, "{bad"))
print(package.loadlib("/r/lib/lpeg.so", "nope"))
print((select(3, package.loadlib("/r/missing.so", "*"))))
print(package.loadlib("/r/lib/lpeg.so", "*"))
print(pcall(function() local function f() return f() + 1 end return f() end))
