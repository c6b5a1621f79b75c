//! Every type of the process, once: types of different modules are the same when their recursive
//! groups are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::module::Module;
use crate::types::{
    FuncType, HeapType, RefType, Shape, TypeDeclaration, TypeId, TypeIndex, ValType,
};

/// Every type of the process, once.
#[derive(Debug, Default)]
pub struct TypeRegistry {
    /// The first type of each recursive group. References to types of the group itself are
    /// positions in it ([`HeapType::Concrete`]), all others are ids ([`HeapType::Canonical`]):
    /// groups are the same type exactly if they are equal in this form.
    groups: HashMap<Vec<Member>, TypeId>,
    types: Vec<Type>,
}

/// A type as a recursive group declares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Member {
    ty: FuncType,
    shape: Shape,
    supertype: Option<HeapType>,
    is_final: bool,
}

/// A type, all its references by id.
#[derive(Debug)]
struct Type {
    ty: Arc<FuncType>,
    shape: Shape,
    supertype: Option<TypeId>,
}

impl TypeRegistry {
    /// The id of `ty`, new or known: a final type, alone in its group. It refers to no type of a
    /// module.
    pub fn intern(&mut self, ty: &FuncType) -> TypeId {
        let shape = Shape::Func;
        self.intern_group(vec![Member { ty: ty.clone(), shape, supertype: None, is_final: true }])
    }

    /// The id of each type of a module.
    pub fn intern_module(&mut self, module: &Module) -> Vec<TypeId> {
        let mut ids: Vec<TypeId> = Vec::with_capacity(module.types.len());
        while let Some(declaration) = module.declarations.get(ids.len()) {
            let group = declaration.group_start.index()..declaration.group_end.index();
            // A group refers to itself and to what stands before it.
            let heap = |index: TypeIndex| match ids.get(index.index()) {
                Some(id) => HeapType::Canonical(*id),
                None => HeapType::Concrete(TypeIndex(index.0 - group.start as u32)),
            };
            let members = group.clone().map(|position| {
                let TypeDeclaration { shape, supertype, is_final, .. } =
                    &module.declarations[position];
                Member {
                    ty: substitute(&module.types[position], heap),
                    shape: shape.with_types(heap),
                    supertype: supertype.map(heap),
                    is_final: *is_final,
                }
            });
            let first = self.intern_group(members.collect());
            ids.extend((first.0..first.0 + group.len() as u32).map(TypeId));
        }
        ids
    }

    fn intern_group(&mut self, group: Vec<Member>) -> TypeId {
        if let Some(first) = self.groups.get(&group) {
            return *first;
        }
        let first = u32::try_from(self.types.len() + 1).expect("type sections are bounded");
        for member in &group {
            let heap = |index: TypeIndex| HeapType::Canonical(TypeId(first + index.0));
            let ty = Arc::new(substitute(&member.ty, heap));
            let shape = member.shape.with_types(heap);
            let supertype = member.supertype.and_then(|supertype| match supertype {
                HeapType::Concrete(index) => Some(TypeId(first + index.0)),
                HeapType::Canonical(id) => Some(id),
                _ => None,
            });
            self.types.push(Type { ty, shape, supertype });
        }
        self.groups.insert(group, TypeId(first));
        TypeId(first)
    }

    /// The type behind an id, or `None` for an id that was never given out. It refers to other
    /// types by their ids.
    #[must_use]
    pub fn get(&self, id: TypeId) -> Option<&Arc<FuncType>> {
        self.types.get(id.index().checked_sub(1)?).map(|known| &known.ty)
    }

    /// What a type is a type of; functions for an id that was never given out. It refers to other
    /// types by their ids.
    #[must_use]
    pub fn shape(&self, id: TypeId) -> &Shape {
        let position = id.index().checked_sub(1);
        position.and_then(|position| self.types.get(position)).map_or(&Shape::Func, |ty| &ty.shape)
    }

    /// How many types there are; their ids are 1 and so on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The type that a type was declared a subtype of.
    #[must_use]
    pub fn supertype(&self, id: TypeId) -> Option<TypeId> {
        self.types.get(id.index().checked_sub(1)?)?.supertype
    }

    /// Whether a value of this type may be an object that the collector moves. It refers to other
    /// types by their ids.
    #[must_use]
    pub fn is_managed(&self, ty: ValType) -> bool {
        let ValType::Ref(RefType { heap, .. }) = ty else { return false };
        match heap {
            HeapType::Any
            | HeapType::Eq
            | HeapType::Struct
            | HeapType::Array
            | HeapType::Extern => true,
            HeapType::Canonical(id) => *self.shape(id) != Shape::Func,
            _ => false,
        }
    }

    /// Whether `id` is `of` or was declared, directly or by way of others, as a subtype of it.
    #[must_use]
    pub fn is_subtype(&self, id: TypeId, of: TypeId) -> bool {
        let mut current = Some(id);
        while let Some(id) = current {
            if id == of {
                return id != TypeId(0);
            }
            let known = id.index().checked_sub(1).and_then(|position| self.types.get(position));
            current = known.and_then(|known| known.supertype);
        }
        false
    }

    /// Whether every value of type `ty` is one of type `of`. Both refer to types by their ids.
    #[must_use]
    pub fn is_value_subtype(&self, ty: ValType, of: ValType) -> bool {
        match (ty, of) {
            (ValType::Ref(ty), ValType::Ref(of)) => self.is_ref_subtype(ty, of),
            (ty, of) => ty == of,
        }
    }

    /// Whether every reference of type `ty` is one of type `of`. Both refer to types by their ids.
    #[must_use]
    pub fn is_ref_subtype(&self, ty: RefType, of: RefType) -> bool {
        let is_heap_subtype = match (ty.heap, of.heap) {
            (HeapType::Canonical(ty), HeapType::Canonical(of)) => self.is_subtype(ty, of),
            (HeapType::Canonical(ty), of) => match self.shape(ty) {
                Shape::Func => of == HeapType::Func,
                Shape::Struct(_) => {
                    matches!(of, HeapType::Struct | HeapType::Eq | HeapType::Any)
                }
                Shape::Array(_) => matches!(of, HeapType::Array | HeapType::Eq | HeapType::Any),
            },
            (HeapType::NoFunc, HeapType::Canonical(of)) => *self.shape(of) == Shape::Func,
            (HeapType::None, HeapType::Canonical(of)) => *self.shape(of) != Shape::Func,
            (HeapType::NoFunc, HeapType::Func)
            | (HeapType::NoExtern, HeapType::Extern)
            | (HeapType::NoExn, HeapType::Exn)
            | (
                HeapType::None,
                HeapType::I31 | HeapType::Struct | HeapType::Array | HeapType::Eq | HeapType::Any,
            )
            | (HeapType::I31 | HeapType::Struct | HeapType::Array, HeapType::Eq | HeapType::Any)
            | (HeapType::Eq, HeapType::Any) => true,
            (ty, of) => ty == of,
        };
        is_heap_subtype && (of.is_nullable || !ty.is_nullable)
    }
}

/// The type with each reference to a type of a module replaced.
fn substitute(ty: &FuncType, heap: impl Fn(TypeIndex) -> HeapType) -> FuncType {
    let values = |types: &[ValType]| -> Box<[ValType]> {
        types.iter().map(|ty| ty.with_types(&heap)).collect()
    };
    FuncType { params: values(&ty.params), results: values(&ty.results) }
}

#[cfg(test)]
mod tests {
    use super::TypeRegistry;
    use crate::module::Module;
    use crate::types::{
        FuncType, HeapType, RefType, Shape, TypeDeclaration, TypeId, TypeIndex, ValType,
    };

    /// A module of groups of these lengths; each type takes a reference to the type of the index
    /// given for it, and the last is a subtype of its predecessor.
    fn module(groups: &[&[u32]]) -> Module {
        let mut module = Module::default();
        for group in groups {
            let start = module.types.len() as u32;
            for target in *group {
                let heap = HeapType::Concrete(TypeIndex(*target));
                let param = ValType::Ref(RefType { is_nullable: true, heap });
                module.types.push(FuncType::new([param], []));
                module.declarations.push(TypeDeclaration {
                    shape: Shape::Func,
                    supertype: None,
                    is_final: false,
                    group_start: TypeIndex(start),
                    group_end: TypeIndex(start + group.len() as u32),
                });
            }
        }
        module
    }

    #[test]
    fn a_group_is_the_same_wherever_it_stands() {
        let mut types = TypeRegistry::default();
        let first = types.intern_module(&module(&[&[0, 1]]));
        let second = types.intern_module(&module(&[&[0], &[1, 2], &[3]]));
        assert_eq!(first, [TypeId(1), TypeId(2)]);
        assert_eq!(second, [TypeId(3), TypeId(1), TypeId(2), TypeId(3)]);
    }

    #[test]
    fn a_reference_out_of_a_group_is_not_one_into_it() {
        let mut types = TypeRegistry::default();
        let inside = types.intern_module(&module(&[&[0]]));
        let outside = types.intern_module(&module(&[&[0], &[0]]));
        assert_eq!(inside[0], outside[0]);
        assert_ne!(inside[0], outside[1]);
    }

    #[test]
    fn subtypes_are_declared() {
        let mut types = TypeRegistry::default();
        let mut module = module(&[&[0, 0, 0]]);
        module.declarations[1].supertype = Some(TypeIndex(0));
        module.declarations[2].supertype = Some(TypeIndex(1));
        let ids = types.intern_module(&module);
        assert!(types.is_subtype(ids[2], ids[0]));
        assert!(!types.is_subtype(ids[0], ids[2]));
        assert!(!types.is_subtype(TypeId(0), TypeId(0)));
        let reference = |is_nullable, heap| ValType::Ref(RefType { is_nullable, heap });
        let (sub, sup) = (HeapType::Canonical(ids[1]), HeapType::Canonical(ids[0]));
        let is_subtype = |ty, of| types.is_value_subtype(ty, of);
        assert!(is_subtype(reference(false, sub), reference(true, sup)));
        assert!(!is_subtype(reference(true, sub), reference(false, sup)));
        assert!(is_subtype(reference(true, sub), reference(true, HeapType::Func)));
        assert!(!is_subtype(reference(true, HeapType::Func), reference(true, sub)));
        assert!(is_subtype(reference(true, HeapType::NoFunc), reference(true, sub)));
    }
}
