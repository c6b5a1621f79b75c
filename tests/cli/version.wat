;; A component, or a module of another version.
;;! $ dynvm version.wasm
;;! ! dynvm: cannot load `version.wasm`: a WebAssembly component, where a module is expected
;;! ? 127
(module binary "\00asm\0d\00\01\00")
