//! Any bytes as a module: an error, or a module that the loader can read symbols of.
#![no_main]

use std::sync::Arc;

use dynvm_loader::dylink::Dylink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(module) = dynvm_jit::decode(data)
        && let Ok(dylink) = Dylink::of_module(&module)
    {
        let _ = dynvm_loader::nm::entries(&Arc::new(module), dylink.map(Arc::new).as_ref());
    }
});
