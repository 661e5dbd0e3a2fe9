//! What each key has when it comes anew: the same for all, or by a function, or as it was said for that one.

use alloc::sync::Arc;
use core::borrow::Borrow;

use super::table::{Table, Visits};
use crate::primitive::{AtomicUsize, Lock, Ordering};

/// Something for each key.
pub(super) type Of<K, V> = Arc<dyn Fn(&K) -> V + Send + Sync>;

pub(super) struct Homes<K, V> {
    default: V,
    of: Option<Of<K, V>>,
    /// What was said for single keys. It is looked at only if something was.
    said: Lock<Table<K, V>>,
    /// How often something was said, or the function began to say something else.
    changes: AtomicUsize,
}

impl<K, V: Copy> Homes<K, V> {
    pub(super) fn new(default: V, of: Option<Of<K, V>>) -> Self {
        Self { default, of, said: Lock::new(Table::new()), changes: AtomicUsize::new(0) }
    }

    pub(super) const fn default(&self) -> V {
        self.default
    }

    /// How often something was said. Who has put a key into a table looks whether it is as often as before.
    pub(super) fn changes(&self) -> usize {
        // ORDERING: Acquire, pairs with the Release in `change`: who sees a number sees what was said. Who said something later
        // finds the key in its table, whose lock orders the two.
        self.changes.load(Ordering::Acquire)
    }

    /// What the key with this hash has when it comes. It may call a foreign function, which may panic.
    pub(super) fn of(&self, hash: u64, key: &K) -> V
    where
        K: Eq,
    {
        let said = if self.changes() == 0 { None } else { self.said_of(hash, key) };
        said.unwrap_or_else(|| self.of.as_ref().map_or(self.default, |of| of(key)))
    }

    fn said_of(&self, hash: u64, key: &K) -> Option<V>
    where
        K: Eq,
    {
        self.said.with(|said| {
            let place = said.find(hash, &mut Visits::default(), |other| other == key)?;
            said.get(place).map(|entry| entry.value)
        })
    }

    /// The function says something else from now on, it may be of any key. Who has put a key into a table meanwhile asks it again.
    #[cfg(feature = "adaptive")]
    pub(super) fn touch(&self) {
        self.change(|_| ());
    }

    /// Says what the key has from now on.
    pub(super) fn say(&self, hash: u64, key: K, value: V)
    where
        K: Eq,
    {
        let spare = self.change(|said| match said.find(hash, &mut Visits::default(), |other| *other == key) {
            Some(place) => {
                said.get_mut(place).expect("it was found").value = value;
                Some(key)
            }
            None => {
                said.insert(hash, key, value, &mut Visits::default());
                None
            }
        });
        drop(spare);
    }

    /// Forgets what was said for the key.
    pub(super) fn unsay<Q>(&self, hash: u64, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let gone = self.change(|said| {
            let place = said.find(hash, &mut Visits::default(), |other| other.borrow() == key)?;
            Some(said.remove(place, &mut Visits::default()))
        });
        drop(gone);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table<K, V>) -> T) -> T {
        let done = self.said.with(change);
        // ORDERING: Release, pairs with the Acquire in `changes`.
        self.changes.fetch_add(1, Ordering::Release);
        done
    }
}
