;; A subsection that says it is longer than the section.
;;! $ dynvm dylink-broken.wasm
;;! ! dynvm: cannot load `dylink-broken.wasm`: the `dylink.0` section ends inside a subsection
;;! ? 127
;;! $ dynvm ldd dylink-broken.wasm
;;! ! dynvm: cannot load `dylink-broken.wasm`: the `dylink.0` section ends inside a subsection
;;! ? 127
;;! $ dynvm nm dylink-broken.wasm
;;! ! dynvm: cannot load `dylink-broken.wasm`: the `dylink.0` section ends inside a subsection
;;! ? 127
(module (@custom "dylink.0" (before first) "\01\7f\00\00"))
