//! What is in a group.

use alloc::sync::{Arc, Weak};
use core::fmt;
use core::ops::Deref;
use core::ptr;

use super::super::pile::Pile;
use crate::runtime::Timer;

/// A resource that a [`ResourceGroup`](super::ResourceGroup) closes, and the handle to remove it again.
///
/// It derefs to the resource, and keeps neither the group alive nor the resource a member.
pub struct Member<T> {
    resource: T,
    key: u64,
    /// Says whose member it is: as long as this exists, no other group has the same address.
    group: Weak<dyn Send + Sync>,
}

impl<T> Member<T> {
    pub(super) fn new<R: Timer>(group: &Arc<Pile<R>>, key: u64, resource: T) -> Self {
        let group: Weak<Pile<R>> = Arc::downgrade(group);
        Self { resource, key, group }
    }

    pub(super) fn is_of<R: Timer>(&self, group: &Arc<Pile<R>>) -> bool {
        ptr::addr_eq(self.group.as_ptr(), Arc::as_ptr(group))
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// The resource; it stays a member.
    pub fn into_resource(self) -> T {
        self.resource
    }
}

impl<T> Deref for Member<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.resource
    }
}

impl<T: fmt::Debug> fmt::Debug for Member<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.resource).finish()
    }
}
