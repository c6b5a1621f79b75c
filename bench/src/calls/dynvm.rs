//! dynvm itself, as a program that embeds the loader has it.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dynvm_jit::Settings;
use dynvm_loader::{Handle, Loader, Options};
use dynvm_vm::context::FuncId;
use dynvm_vm::value::Value;
use dynvm_vm::{HostFunction, Process, TypedFunc};

use super::{Engine, Function};
use crate::Result;

/// The main program and its library, loaded.
pub struct Dynvm {
    loader: Loader,
    funcs: HashMap<String, FuncId>,
    /// What `host_call` calls.
    callee: Arc<OnceLock<Inc>>,
}

/// A function that `host_call` calls.
type Inc = TypedFunc<(i32,), i32>;

impl Dynvm {
    /// Loads `main.wasm` of a directory. Calls stay calls unless `is_inlining`.
    ///
    /// # Errors
    /// If that does not succeed.
    pub fn new(dir: &Path, is_inlining: bool) -> Result<Dynvm> {
        let callee = Arc::new(OnceLock::new());
        let compiler = Settings { is_inlining, ..Settings::default() };
        let host_functions = host_functions(&callee);
        let options = Options { host_functions, compiler, ..Options::default() };
        let mut loader = Loader::new(options)?;
        loader.open_main(&dir.join("main.wasm"))?;
        let mut dynvm = Dynvm { loader, funcs: HashMap::new(), callee };
        let inc = dynvm.func("m0")?;
        let inc = dynvm.loader.process_mut().get_typed(inc)?;
        dynvm.callee.get_or_init(|| inc);
        Ok(dynvm)
    }

    fn func(&mut self, name: &str) -> Result<FuncId> {
        if let Some(func) = self.funcs.get(name) {
            return Ok(*func);
        }
        let index = self.loader.symbol(Handle::DEFAULT, name)?;
        let func = self.loader.process().table_get(index).ok_or("a symbol has an element")?;
        self.funcs.insert(name.to_owned(), func);
        Ok(func)
    }

    fn call(&mut self, func: FuncId, args: &[Value]) -> Result<i32> {
        match self.loader.process_mut().call(func, args)?[..] {
            [Value::I32(result)] => Ok(result),
            ref other => Err(format!("expected an i32, found {other:?}").into()),
        }
    }
}

impl Engine for Dynvm {
    fn time(&mut self, function: &Function, iterations: u32) -> Result<f64> {
        let func = self.func(&function.name)?;
        let count = iterations.cast_signed();
        let mut args = vec![Value::I32(count)];
        args.extend(function.arg.map(Value::I32));
        let started;
        let result = if function.is_host_loop {
            let process = self.loader.process_mut();
            let inc: Inc = process.get_typed(func)?;
            started = Instant::now();
            let mut value = 0;
            for _ in 0..iterations {
                value = inc.call(process, (value,))?;
            }
            value
        } else {
            started = Instant::now();
            self.call(func, &args)?
        };
        let elapsed = started.elapsed().as_nanos() as f64;
        let expected = iterations.wrapping_mul(function.increment).cast_signed();
        if result == expected {
            return Ok(elapsed);
        }
        Err(format!("`{}`: expected {expected}, found {result}", function.name).into())
    }
}

fn host_functions(callee: &Arc<OnceLock<Inc>>) -> Vec<(String, String, HostFunction)> {
    let callee = Arc::clone(callee);
    let inc = |_: &mut Process, value: i32| Ok(black_box(value).wrapping_add(1));
    let call = move |process: &mut Process, value: i32| {
        callee.get().expect("it is set before anything runs").call(process, (value,))
    };
    let [inc, call] =
        [HostFunction::typed("host_inc", inc), HostFunction::typed("host_call", call)];
    [inc, call].map(|function| ("env".to_owned(), function.name.clone(), function)).into()
}
