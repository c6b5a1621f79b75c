//! The name section: it serves messages only, so what is wrong in it is passed over.

use wasmparser::{CustomSectionReader, KnownCustom, Name};

use crate::vm::module::Module;
use crate::vm::types::FuncIndex;

/// Reads the names of the module and of its functions.
pub fn read(section: &CustomSectionReader<'_>, module: &mut Module) {
    let KnownCustom::Name(reader) = section.as_known() else { return };
    // Names are part of the section's data, whose place in the module is known.
    let start = section.data().as_ptr() as usize;
    let offset = super::position(section.data_range().start);
    let range = |name: &str| {
        let start = name.as_ptr() as usize - start + offset;
        start..start + name.len()
    };
    for subsection in reader {
        match subsection {
            Ok(Name::Module { name, .. }) => module.name = Some(name.to_owned()),
            Ok(Name::Function(names)) => {
                for naming in names.into_iter().map_while(Result::ok) {
                    module.function_names.push((FuncIndex(naming.index), range(naming.name)));
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    module.function_names.sort_by_key(|(index, _)| *index);
    module.function_names.dedup_by_key(|(index, _)| *index);
}
