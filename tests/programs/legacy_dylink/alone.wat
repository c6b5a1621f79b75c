(module (@custom "dylink" (before first) "\00\00\00\00\01\09libnew.so") (func (export "_start")))
