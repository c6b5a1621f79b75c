//! What an exception is that nobody caught: its tag, and of a C++ exception its class and what it
//! says, read from where the Itanium C++ ABI puts them.

use dynvm_vm::instance::TagId;
use dynvm_vm::module::{Entity, EntityType, Module};
use dynvm_vm::types::ValType;
use dynvm_vm::value::Value;
use dynvm_vm::{Process, Stop};

use crate::dlfcn;
use crate::dso::Dso;
use crate::linker::{Linker, lock};
use crate::loader::{Handle, Loader};

/// `exception_class` of an exception of libc++abi; the last byte is 1 for a reference to another.
const CXX_CLASS: u64 = u64::from_be_bytes(*b"CLNGC++\0");
/// The same of a panic of Rust's.
const RUST_CLASS: u64 = u64::from_be_bytes(*b"MOZ\0RUST");

/// Distance from the header of an exception back to the start of its record.
const CXX_RECORD_BYTES: u32 = 48;
/// Bytes of the header; what was thrown lies behind it.
const HEADER_BYTES: u32 = 32;

/// How many classes are looked at in search of `std::exception`.
const BASES_MAX: u32 = 64;

/// The longest name or message that is read.
const TEXT_BYTES_MAX: usize = 4096;

impl Loader {
    /// Says in the trap of an exception that nobody caught what it is. What a `std::exception` has
    /// to say is asked of itself.
    pub(crate) fn explain(&mut self, mut stop: Stop) -> Stop {
        if let Stop::Exception { handle, trap } = &mut stop
            && let Some(description) = self.describe_exception(*handle)
        {
            trap.detail = Some(description);
        }
        stop
    }

    fn describe_exception(&mut self, handle: u32) -> Option<String> {
        let (linker, process) = self.parts();
        let (tag, values) = process.exception(handle)?;
        let (name, types) = tag_name(&lock(linker), process, tag)?;
        let shown = types.iter().zip(values);
        let shown = shown.map(|(ty, value)| format!(" {}", Value::from_raw(*ty, *value)));
        let plain = format!("`{name}`{}", shown.collect::<String>());
        let header = values.first().map_or(0, |value| value.u32());
        let known = match name.as_str() {
            "__cpp_exception" => self.describe_header(header),
            "__c_longjmp" => Some("`longjmp` to a function that has returned".to_owned()),
            _ => None,
        };
        known.or(Some(plain))
    }

    /// What the header of an exception of C++, or of a language that shares its tag, tells.
    fn describe_header(&mut self, header: u32) -> Option<String> {
        let (_, process) = self.parts();
        let (low, high) = (word(process, header, 0)?, word(process, header, 4)?);
        let class = u64::from(high) << 32 | u64::from(low);
        if class == RUST_CLASS {
            return Some("a panic of Rust".to_owned());
        }
        let is_reference = class & 1 == 1;
        (class & !1 == CXX_CLASS).then(|| self.describe_cxx(header, is_reference)).flatten()
    }

    fn describe_cxx(&mut self, header: u32, is_reference: bool) -> Option<String> {
        let (linker, process) = self.parts();
        let record = header.checked_sub(CXX_RECORD_BYTES)?;
        let type_info = word(process, record, 0)?;
        let name = text(process, word(process, type_info, 4)?)?;
        // What `std::rethrow_exception` throws refers to what was thrown first.
        let object = match is_reference {
            true => word(process, record, CXX_RECORD_BYTES - 4)?,
            false => header + HEADER_BYTES,
        };
        let description = format!("`{}`", demangled(&name));
        let classes = {
            let mut linker = lock(linker);
            CLASS_KINDS
                .map(|kind| dlfcn::symbol(&mut linker, process, Handle::DEFAULT.0, kind).ok())
        };
        let base = std_exception(process, classes, type_info, object, 0);
        let said = base.and_then(|base| what(process, base));
        Some(said.map_or_else(|| description.clone(), |said| format!("{description}: {said}")))
    }
}

/// The classes of libc++abi that describe a class with one base, and with several.
const CLASS_KINDS: [&str; 2] =
    ["_ZTVN10__cxxabiv120__si_class_type_infoE", "_ZTVN10__cxxabiv121__vmi_class_type_infoE"];

/// Where in `object`, whose class `type_info` describes, its `std::exception` is.
fn std_exception(
    process: &Process,
    kinds: [Option<u32>; 2],
    type_info: u32,
    object: u32,
    depth: u32,
) -> Option<u32> {
    if depth > BASES_MAX {
        return None;
    }
    if text(process, word(process, type_info, 4)?)? == "St9exception" {
        return Some(object);
    }
    // An object's first word points behind the first two words of its class's table.
    let kind = Some(word(process, type_info, 0)?.checked_sub(8)?);
    if kind == kinds[0] {
        let base = word(process, type_info, 8)?;
        return std_exception(process, kinds, base, object, depth + 1);
    }
    if kind != kinds[1] {
        return None;
    }
    let bases_len = word(process, type_info, 12)?.min(BASES_MAX);
    (0..bases_len).find_map(|position| {
        let base = word(process, type_info, 16 + 8 * position)?;
        let offset_and_flags = word(process, type_info, 20 + 8 * position)?;
        // Where a virtual base is depends on the object: those are left out.
        let is_virtual = offset_and_flags & 1 != 0;
        let object = object.wrapping_add(offset_and_flags >> 8);
        let found = || std_exception(process, kinds, base, object, depth + 1);
        (!is_virtual).then(found).flatten()
    })
}

/// What the guest's `what()` says of an exception.
fn what(process: &mut Process, object: u32) -> Option<String> {
    let functions = word(process, object, 0)?;
    let func = process.table_get(word(process, functions, 8)?)?;
    let ty = process.func_type(process.func_type_id(func)?)?;
    if *ty.params != [ValType::I32] || *ty.results != [ValType::I32] {
        return None;
    }
    match process.call(func, &[Value::I32(object.cast_signed())]).ok()?[..] {
        [Value::I32(said)] => text(process, said.cast_unsigned()),
        _ => None,
    }
}

/// Under which name a dso imports, exports or just defines the tag, and its parameters.
fn tag_name(linker: &Linker, process: &Process, tag: TagId) -> Option<(String, Vec<ValType>)> {
    linker.map.iter().find_map(|dso: &Dso| {
        let tags = &process.instance(dso.instance?).tags;
        let position = tags.iter().position(|other| *other == tag)?;
        let params = dso.module.types[dso.module.tags[position].index()].params.to_vec();
        Some((name_in(&dso.module, position)?, params))
    })
}

fn name_in(module: &Module, position: usize) -> Option<String> {
    let imported = module.imports.iter().filter(|i| matches!(i.ty, EntityType::Tag(_)));
    let imported = imported.map(|import| &import.field).nth(position);
    let exported = module.exports.iter().find_map(|export| match export.entity {
        Entity::Tag(tag) if tag.index() == position => Some(&export.name),
        _ => None,
    });
    imported.or(exported).map(|name| name.to_string())
}

/// The readable form of the name of a type.
fn demangled(name: &str) -> String {
    // A name that starts so is compared by address.
    let name = name.strip_prefix('*').unwrap_or(name);
    let symbol = cpp_demangle::Symbol::new(format!("_ZTS{name}")).ok();
    let readable = symbol.and_then(|symbol| symbol.demangle().ok());
    let readable = readable.as_deref().and_then(|text| text.strip_prefix("typeinfo name for "));
    readable.unwrap_or(name).to_owned()
}

fn word(process: &Process, address: u32, offset: u32) -> Option<u32> {
    let start = address.checked_add(offset)? as usize;
    let bytes = process.memory().get(start..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The text at `address`, up to its zero byte.
fn text(process: &Process, address: u32) -> Option<String> {
    let bytes = process.memory().get(address as usize..).filter(|_| address != 0)?;
    let bytes = &bytes[..bytes.len().min(TEXT_BYTES_MAX)];
    let len = bytes.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::demangled;

    #[test]
    fn names_of_types_are_readable() {
        assert_eq!(demangled("St13runtime_error"), "std::runtime_error");
        assert_eq!(demangled("N4shop6ClosedE"), "shop::Closed");
        assert_eq!(demangled("i"), "int");
        assert_eq!(demangled("PKc"), "char const*");
        assert_eq!(demangled("*N12_GLOBAL__N_15LocalE"), "(anonymous namespace)::Local");
        assert_eq!(demangled("not mangled"), "not mangled");
    }
}
