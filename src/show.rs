//! `dynvm ldd`, `dynvm nm`, `dynvm objdump`: what is in a module and what it would load, without
//! running any of it.

use std::fmt::Write as _;
use std::path::Path;

use dynvm::jit::{Compiler, Settings, Unit};
use dynvm::loader::{LoadError, nm as symbols};
use dynvm::vm::instance::Instance;
use dynvm::vm::types::{DefinedFuncIndex, FuncIndex};
use dynvm::{Options, Runtime};

use crate::cli;
use crate::failure::{Failure, print};
use crate::run::options;

/// Prints what would be loaded; the status is 1 if anything is missing.
pub fn ldd(ldd: &cli::Ldd) -> Result<u8, Failure> {
    let code = cli::CodeOptions::default();
    let listing = dynvm::list(&ldd.program, &options(&ldd.search, &ldd.modules, code)?)?;
    print(&listing)?;
    Ok(if listing.is_complete() { 0 } else { 1 })
}

/// Prints the symbols of a module.
pub fn nm(nm: &cli::Nm) -> Result<u8, Failure> {
    let entries = symbols::read(&nm.file)?;
    print(&entries.iter().map(|entry| format!("{entry}\n")).collect::<String>())?;
    Ok(0)
}

/// Prints the code of a module's functions, as it is when all that it needs is loaded.
pub fn objdump(objdump: &cli::Objdump) -> Result<u8, Failure> {
    let options = Options { is_lazy: true, ..options(&objdump.search, &[], objdump.code)? };
    let mut runtime = Runtime::open(&objdump.file, &options)?;
    let main = runtime.loader().with_link_map(|map| map.main().map(|main| main.instance()));
    let main = main.expect("the program was opened");
    let instance = std::sync::Arc::clone(runtime.loader().process().instance(main));
    let settings = Settings {
        is_nan_canonical: options.is_nan_canonical,
        is_inlining: !options.is_inlining_off,
        ..Settings::default()
    };
    let compiler = Compiler::new(&settings).map_err(|error| compile_error(&objdump.file, error))?;
    let unit = Unit::new(runtime.loader().process(), main);
    let mut text = String::new();
    for func in chosen(&instance, objdump)? {
        let code =
            if objdump.clif { compiler.clif(&unit, func) } else { compiler.asm(&unit, func) };
        let code = code.map_err(|error| compile_error(&objdump.file, error))?;
        let index = FuncIndex(func.0 + instance.module.imported_functions);
        let name = instance.module.func_name(index);
        writeln!(text, "{name}:\n{code}").expect("a string takes all text");
    }
    print(&text)?;
    Ok(0)
}

/// The functions that the user asked for: all, or the one of a name or an index.
fn chosen(instance: &Instance, objdump: &cli::Objdump) -> Result<Vec<DefinedFuncIndex>, Failure> {
    let module = &instance.module;
    let defined = (0..module.bodies.len()).map(|index| DefinedFuncIndex(index as u32));
    let Some(wanted) = &objdump.function else { return Ok(defined.collect()) };
    let found: Vec<_> = defined
        .filter(|func| {
            let index = FuncIndex(func.0 + module.imported_functions);
            let is_exported =
                |name: &str| module.export(name) == Some(dynvm::vm::module::Entity::Func(index));
            module.func_name(index) == *wanted
                || wanted.parse() == Ok(index.0)
                || is_exported(wanted)
        })
        .collect();
    if found.is_empty() {
        let program = objdump.file.display().to_string();
        return Err(LoadError::NoSuchFunction { function: wanted.clone(), program }.into());
    }
    Ok(found)
}

fn compile_error(file: &Path, error: dynvm::jit::CompileError) -> Failure {
    LoadError::Compile { dso: file.display().to_string(), source: Box::new(error) }.into()
}
