//! What memories and tables hold, for hosts that look at instances from outside.

use crate::context::FuncId;
use crate::instance::{MemoryId, TableId};
use crate::process::Process;

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

    /// The elements of a table: functions, or in their place handles of other references.
    ///
    /// # Panics
    /// If the instance that defined it was discarded.
    #[must_use]
    pub fn table_elements(&self, id: TableId) -> Vec<FuncId> {
        let table = self.table(id);
        (0..table.len()).filter_map(|index| table.get(index)).map(|element| element.func).collect()
    }
}
