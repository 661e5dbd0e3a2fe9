//! Why nothing was added to a group, or removed from it.

use core::any::type_name;
use core::error::Error;
use core::fmt;

use super::member::Member;

/// The group is being closed, or is closed: it takes nothing any more.
pub struct AddError<T> {
    resource: T,
}

impl<T> AddError<T> {
    pub(super) fn new(resource: T) -> Self {
        Self { resource }
    }

    /// What was not added.
    pub fn into_resource(self) -> T {
        self.resource
    }
}

impl<T> fmt::Debug for AddError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddError").field("type_name", &type_name::<T>()).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for AddError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not added: the group is closed", type_name::<T>())
    }
}

impl<T> Error for AddError<T> {}

/// A member was not removed.
pub struct RemoveError<T> {
    kind: RemoveErrorKind,
    member: Member<T>,
}

/// The kinds of [`RemoveError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoveErrorKind {
    /// It is a member of another group.
    Foreign,
    /// The group is being closed, or is closed, and the member with it.
    Closed,
}

impl<T> RemoveError<T> {
    pub(super) fn new(kind: RemoveErrorKind, member: Member<T>) -> Self {
        Self { kind, member }
    }

    /// Which kind it is.
    pub fn kind(&self) -> RemoveErrorKind {
        self.kind
    }

    /// What was not removed.
    pub fn into_member(self) -> Member<T> {
        self.member
    }
}

impl<T> fmt::Debug for RemoveError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoveError")
            .field("kind", &self.kind)
            .field("type_name", &type_name::<T>())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for RemoveError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            RemoveErrorKind::Foreign => "it is a member of another group",
            RemoveErrorKind::Closed => "the group is closed",
        };
        write!(f, "{} was not removed: {why}", type_name::<T>())
    }
}

impl<T> Error for RemoveError<T> {}
