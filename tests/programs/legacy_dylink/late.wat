(module (func (export "_start")) (@custom "dylink" (after last) "\00\00\00\00\00"))
