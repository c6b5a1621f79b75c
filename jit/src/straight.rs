//! Functions that store constants, run without being compiled: those that relocate a library's data
//! are as long as the library has pointers, and run once.

use wasmparser::BinaryReader;

use crate::vm::module::Module;
use crate::vm::types::{DefinedFuncIndex, FuncIndex, GlobalIndex};

/// What a function that stores constants reads and writes.
pub trait Stores {
    /// The value of an integer global.
    fn global(&self, index: GlobalIndex) -> Option<u64>;

    /// Writes to the module's first memory, which has 32-bit addresses; `None` if the bytes are not
    /// all in it.
    fn store(&mut self, address: u64, bytes: &[u8]) -> Option<()>;
}

/// Runs a function without parameters and results from start to end, if it does nothing but store
/// sums of constants and globals; else gives `None`. What it stored until then it would store again:
/// nothing that it read can have changed, so the function can be run from its start as ever.
pub fn run(module: &Module, func: DefinedFuncIndex, stores: &mut impl Stores) -> Option<()> {
    let ty = module.func_type(FuncIndex(module.imported_functions + func.0));
    if !(ty.params.is_empty() && ty.results.is_empty()) {
        return None;
    }
    let range = module.bodies.get(func.index())?.clone();
    let mut reader = BinaryReader::new(module.bytes.get(range.clone())?, range.start as u64);
    for _ in 0..reader.read_var_u32().ok()? {
        // How many locals, and of which numeric type: none of them is read.
        let _ = reader.read_var_u32().ok()?;
        let _ = reader.read_u8().ok().filter(|ty| (0x7c..=0x7f).contains(ty))?;
    }
    let mut stack = Vec::new();
    loop {
        if is_end(&mut reader, &mut stack, stores)? {
            return reader.eof().then_some(());
        }
    }
}

/// Executes an operator; whether it was an `end`.
fn is_end(
    reader: &mut BinaryReader<'_>,
    stack: &mut Vec<u64>,
    stores: &mut impl Stores,
) -> Option<bool> {
    match reader.read_u8().ok()? {
        // nop
        0x01 => {}
        // end
        0x0b => return Some(true),
        // global.get
        0x23 => stack.push(stores.global(GlobalIndex(reader.read_var_u32().ok()?))?),
        // i32.store
        0x36 => store::<4>(reader, stack, stores)?,
        // i64.store
        0x37 => store::<8>(reader, stack, stores)?,
        // i32.const
        0x41 => stack.push(reader.read_var_i32().ok()?.cast_unsigned().into()),
        // i64.const
        0x42 => stack.push(reader.read_var_i64().ok()?.cast_unsigned()),
        // i32.add
        0x6a => {
            let (right, left) = (stack.pop()? as u32, stack.pop()? as u32);
            stack.push(left.wrapping_add(right).into());
        }
        // i64.add
        0x7c => {
            let (right, left) = (stack.pop()?, stack.pop()?);
            stack.push(left.wrapping_add(right));
        }
        _ => return None,
    }
    Some(false)
}

/// A store of the lower bytes of the topmost value at the address below it.
fn store<const BYTES: usize>(
    reader: &mut BinaryReader<'_>,
    stack: &mut Vec<u64>,
    stores: &mut impl Stores,
) -> Option<()> {
    // From 64 on the number of another memory follows.
    let _ = reader.read_var_u32().ok().filter(|align_log2| *align_log2 < 64)?;
    let offset = reader.read_var_u32().ok()?;
    let (value, address) = (stack.pop()?, stack.pop()?);
    let address = address.checked_add(offset.into())?;
    stores.store(address, &value.to_le_bytes()[..BYTES])
}

#[cfg(test)]
mod tests {
    use super::{Stores, run};
    use crate::vm::types::{DefinedFuncIndex, GlobalIndex};

    struct Memory(Vec<u8>);

    impl Stores for Memory {
        fn global(&self, index: GlobalIndex) -> Option<u64> {
            [Some(16), None].get(index.index()).copied().flatten()
        }

        fn store(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
            let start = usize::try_from(address).ok()?;
            self.0.get_mut(start..start + bytes.len())?.copy_from_slice(bytes);
            Some(())
        }
    }

    /// What of 64 bytes the function of this text changes: positions with their values.
    #[track_caller]
    fn check(body: &str, expected: Option<&[(usize, u8)]>) {
        check_func(&format!("(local i32 i64) {body}"), expected);
    }

    /// The same of all that a function has besides its name.
    #[track_caller]
    fn check_func(func: &str, expected: Option<&[(usize, u8)]>) {
        let text = format!(
            "(module (import \"env\" \"memory\" (memory 1)) (import \"env\" \"b\" (global i32))
               (import \"env\" \"g\" (global i32)) (func {func}))"
        );
        let bytes = wat::parse_str(text).expect("valid text");
        let module = crate::decode(bytes).expect("valid module");
        let mut memory = Memory(vec![0; 64]);
        let done = run(&module, DefinedFuncIndex(0), &mut memory);
        let changed = memory.0.into_iter().enumerate().filter(|(_, byte)| *byte != 0);
        assert_eq!(done.map(|()| changed.collect::<Vec<_>>()).as_deref(), expected);
    }

    #[test]
    fn sums_are_stored() {
        let sum = "(i32.add (global.get 0) (i32.const 4))";
        let stored: &[_] = &[(21, 7)];
        check(&format!("(i32.store offset=1 {sum} (i32.const 7))"), Some(stored));
        check(&format!("nop (i64.store offset=1 {sum} (i64.const 7))"), Some(stored));
        let wrapped = "(i32.add (i32.const -1) (i32.const 3))";
        check(&format!("(i32.store {wrapped} (i32.add (i32.const 1) {sum}))"), Some(&[(2, 21)]));
        check("(i64.store (i32.const 0) (i64.add (i64.const -1) (i64.const 1)))", Some(&[]));
        check("", Some(&[]));
    }

    #[test]
    fn all_else_is_left_to_code() {
        check("(i32.store (i32.const 61) (i32.const 1))", None);
        check("(i32.store offset=4294967295 (i32.const -1) (i32.const 1))", None);
        check("(i32.store (i32.const 0) (global.get 1))", None);
        check("(i32.store (i32.const 0) (i32.load (i32.const 0)))", None);
        check("(i32.store8 (i32.const 0) (i32.const 1))", None);
        check("(block (i32.store (i32.const 0) (i32.const 1)))", None);
        check("(i32.store (i32.const 0) (local.get 0))", None);
        check("unreachable", None);
        check_func("(param i32)", None);
        check_func("(result i32) (i32.const 0)", None);
    }
}
