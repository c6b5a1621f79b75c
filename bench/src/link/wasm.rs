//! A graph as wasm: one module with a `dylink.0` section per library.

use std::path::Path;

use wasm_encoder::{
    CodeSection, CustomSection, Encode, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, Module, TypeSection, ValType,
};

use super::{Graph, Library};
use crate::Result;

/// Number of the subsection of needed libraries.
const NEEDED: u8 = 2;

/// Writes the modules of a graph: `l0.so`, `l1.so` … and `main.wasm`.
///
/// # Errors
/// If a file cannot be written.
pub fn write(graph: &Graph, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for (position, library) in graph.libraries.iter().enumerate() {
        let is_program = position + 1 == graph.libraries.len();
        let name = if is_program { "main.wasm".to_owned() } else { format!("l{position}.so") };
        std::fs::write(dir.join(name), module(position, library))?;
    }
    Ok(())
}

fn module(position: usize, library: &Library) -> Vec<u8> {
    let mut module = Module::new();
    module.section(&CustomSection { name: "dylink.0".into(), data: dylink(library).into() });
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    module.section(&types);
    let mut imports = ImportSection::new();
    for (definer, function) in &library.imports {
        imports.import("env", &format!("l{definer}_f{function}"), EntityType::Function(0));
    }
    module.section(&imports);
    let (mut functions, mut exports) = (FunctionSection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    let first = library.imports.len() as u32;
    for function in 0..library.exports as u32 {
        functions.function(0);
        exports.export(&format!("l{position}_f{function}"), ExportKind::Func, first + function);
        let mut body = Function::new([]);
        let number = function.cast_signed();
        body.instructions().local_get(0).i32_const(number).i32_add().end();
        code.function(&body);
    }
    functions.function(0);
    exports.export(&sum_name(position), ExportKind::Func, first + library.exports as u32);
    code.function(&sum(library));
    module.section(&functions);
    module.section(&exports);
    module.section(&code);
    module.finish()
}

/// Name of the function that calls all that a library imports.
pub(super) fn sum_name(position: usize) -> String {
    format!("l{position}_sum")
}

fn sum(library: &Library) -> Function {
    let mut body = Function::new([]);
    let mut code = body.instructions();
    code.i32_const(0);
    for import in 0..library.imports.len() as u32 {
        code.local_get(0).call(import).i32_add();
    }
    code.end();
    body
}

fn dylink(library: &Library) -> Vec<u8> {
    let mut payload = Vec::new();
    library.needed.len().encode(&mut payload);
    for needed in &library.needed {
        format!("l{needed}.so").as_str().encode(&mut payload);
    }
    let mut section = vec![NEEDED];
    payload.len().encode(&mut section);
    section.extend(payload);
    section
}
