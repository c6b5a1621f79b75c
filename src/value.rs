//! Values as text: what references refer to, not their numbers.

use dynvm_vm::Process;
use dynvm_vm::context::FuncId;
use dynvm_vm::reference::Referent;
use dynvm_vm::types::HeapType;
use dynvm_vm::value::Value;

use crate::runtime::Runtime;

/// How deep objects inside of objects are shown.
const DEPTH_MAX: u32 = 4;
/// How many fields or elements of an object are shown.
const MEMBERS_MAX: u32 = 16;

impl Runtime {
    /// A value as text. Of an object its fields or elements, and those of the objects in it, up to a
    /// certain depth and number; `…` stands for what is left out.
    pub fn describe_value(&mut self, value: Value) -> String {
        describe(self.loader().process_mut(), value, DEPTH_MAX)
    }
}

fn describe(process: &mut Process, value: Value, depth: u32) -> String {
    let Value::Ref(ty, bits) = value else { return value.to_string() };
    match process.referent(value) {
        None => "released reference".to_owned(),
        Some(Referent::Null) => "null".to_owned(),
        Some(Referent::I31(number)) => format!("i31 {number}"),
        Some(Referent::Host(number)) => format!("host reference {number}"),
        Some(Referent::Struct(_)) => format!("struct {{{}}}", members(process, value, depth)),
        Some(Referent::Array(_)) => format!("array [{}]", members(process, value, depth)),
        Some(Referent::Other) if matches!(ty.heap, HeapType::Exn | HeapType::NoExn) => {
            "exception".to_owned()
        }
        Some(_) => format!("function {}", process.func_name(FuncId(bits))),
    }
}

/// Fields of a struct, or elements of an array.
fn members(process: &mut Process, object: Value, depth: u32) -> String {
    let mut texts = Vec::new();
    for index in 0.. {
        let Some(member) = process.member(object, index) else { break };
        let is_shown = depth > 0 && index < MEMBERS_MAX;
        texts.push(if is_shown { describe(process, member, depth - 1) } else { "…".to_owned() });
        process.release(member);
        if !is_shown {
            break;
        }
    }
    texts.join(", ")
}
