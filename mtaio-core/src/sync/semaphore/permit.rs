//! Permits in hand.

use core::fmt;
use core::ops::Deref;

use super::Semaphore;

/// Permits of a [`Semaphore`], borrowed from it. Dropping it returns them.
pub type Permit<'a> = HeldPermit<&'a Semaphore>;

/// Permits of a [`Semaphore`] that keep it alive. Dropping it returns them.
#[cfg(feature = "alloc")]
pub type OwnedPermit = HeldPermit<alloc::sync::Arc<Semaphore>>;

/// One or more permits, held through a pointer to their semaphore: see [`Permit`] and `OwnedPermit`.
///
/// Dropping it returns all of them at once.
#[must_use = "a permit that is not held is returned at once"]
pub struct HeldPermit<S: Deref<Target = Semaphore>> {
    semaphore: S,
    n: u32,
}

impl<S: Deref<Target = Semaphore>> HeldPermit<S> {
    #[inline]
    pub(super) fn new(semaphore: S, n: u32) -> Self {
        Self { semaphore, n }
    }

    /// How many permits it holds.
    pub fn count(&self) -> u32 {
        self.n
    }

    /// Keeps the permits from ever coming back: the semaphore has that many fewer.
    pub fn forget(mut self) {
        self.semaphore.forget(core::mem::take(&mut self.n));
    }

    /// Leaves the permits to the caller, who [`release`](Semaphore::release)s them.
    #[cfg(feature = "alloc")]
    pub(crate) fn hand_over(mut self) {
        self.n = 0;
    }

    /// Adds the permits of `other` to this one, so that they return together.
    ///
    /// # Errors
    ///
    /// `other` itself, if it belongs to another semaphore.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Self> {
        match self.n.checked_add(other.n) {
            Some(sum) if core::ptr::eq(&*self.semaphore, &*other.semaphore) => {
                other.n = 0;
                self.n = sum;
                Ok(())
            }
            _ => Err(other),
        }
    }
}

impl<S: Deref<Target = Semaphore> + Clone> HeldPermit<S> {
    /// Takes `n` permits out of this one. `None`, and nothing changed, if it holds fewer.
    pub fn split(&mut self, n: u32) -> Option<Self> {
        self.n = self.n.checked_sub(n)?;
        Some(Self::new(self.semaphore.clone(), n))
    }
}

impl<S: Deref<Target = Semaphore>> Drop for HeldPermit<S> {
    #[inline]
    fn drop(&mut self) {
        if self.n > 0 {
            self.semaphore.release(self.n as usize);
        }
    }
}

impl<S: Deref<Target = Semaphore>> fmt::Debug for HeldPermit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.n).finish_non_exhaustive()
    }
}
