(module (@custom "dyninfo" "{\22libs\22: [\22libm.wasm\22], \22entry\22: 0, \22plt_end\22: 1}"))
