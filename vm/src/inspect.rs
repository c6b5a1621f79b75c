//! What memories and tables hold, for hosts that look at instances from outside.

use std::sync::Arc;

use crate::context::FuncId;
use crate::instance::{InstanceId, MemoryId, TableId};
use crate::process::Process;
use crate::types::{GlobalIndex, ValType};
use crate::value::Value;

impl Process {
    /// A copy of all that a memory holds.
    ///
    /// # Panics
    /// If the instance that defined it was discarded.
    #[must_use]
    pub fn memory_bytes(&mut self, id: MemoryId) -> Vec<u8> {
        if id == MemoryId::PROCESS {
            return self.memory().to_vec();
        }
        let memory = self.memories[id.0 as usize].as_mut();
        let memory = memory.expect("the memory's instance was not discarded");
        memory.read(0..memory.len_bytes())
    }

    /// The value of an instance's global. A reference to an object is a new handle.
    ///
    /// # Panics
    /// If the instance was not bound, or has no such global.
    #[must_use]
    pub fn global_value(&mut self, id: InstanceId, index: GlobalIndex) -> Value {
        let instance = Arc::clone(self.instance(id));
        let ty = instance.canonical(instance.module.globals[index.index()].value);
        let raw = self.read_global(instance.globals[index.index()]);
        self.lift(ty, raw)
    }

    /// The element at `index` of a table. A reference to an object is a new handle.
    ///
    /// # Panics
    /// If the instance that defined it was discarded.
    #[must_use]
    pub fn table_value(&mut self, id: TableId, index: u64) -> Option<Value> {
        let table = self.table(id);
        let (ty, element) = (table.ty.element, table.get(index)?);
        Some(self.lift(ValType::Ref(ty), element.func.0.into()))
    }

    /// The elements of a table: functions, or in their place the bits of other references.
    ///
    /// # Panics
    /// If the instance that defined it was discarded.
    #[must_use]
    pub fn table_elements(&self, id: TableId) -> Vec<FuncId> {
        let table = self.table(id);
        (0..table.len()).filter_map(|index| table.get(index)).map(|element| element.func).collect()
    }
}
