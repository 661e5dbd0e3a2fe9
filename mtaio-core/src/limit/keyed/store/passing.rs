//! Who goes in passing, and who goes to make room: what keeps a table small without ever walking through it.

use alloc::vec::Vec;
use core::borrow::Borrow;

use super::{Kind, NoEntry, Removed, Shard, Store, Use, WhenFull};
use crate::limit::keyed::table::{Place, Visits};
use crate::primitive::Ordering;
use crate::sync::observe;
use crate::time::Instant;

/// How many are looked at in passing, when a key comes.
const IN_PASSING: u32 = 4;
/// Among how many the idlest is sought where there is no more room.
const SAMPLE: usize = 8;
/// Who has looked at so many looks at no more in passing, ...
const ENOUGH: u32 = 12;
/// ... and who has looked at so many takes the idlest that there is.
const PLENTY: u32 = 20;
/// Where entries were not seen for the time [after which they are stale](Kind::stale_after), who comes looks at a few more; after so
/// many times that time they have to be looked at all, or would be told wrongly some day.
pub(super) const LATEST: u64 = 2;

/// What goes when one key comes: two in passing, ...
pub(super) struct Gone<K, T: Kind> {
    pub(super) in_passing: [Option<Removed<K, T>>; 2],
    /// ... and one to make room.
    pub(super) evicted: Option<Evicted<K, T>>,
}

/// What made room for another, and what use it was.
type Evicted<K, T> = (Use, Removed<K, T>);

/// Tells of one that was evicted, if that makes a difference, and drops it: outside the lock.
pub(super) fn tell_and_drop<K, T: Kind>(evicted: Option<Evicted<K, T>>) -> bool {
    if evicted.as_ref().is_some_and(|(found, _)| *found != Use::Fresh) {
        observe::evicted(T::NAME);
    }
    evicted.is_some()
}

impl<K, T: Kind> Store<K, T> {
    /// As `with_once`, after a look at those who were not seen for long.
    #[cold]
    pub(super) fn with_a_look_round<Q, R>(
        &self,
        hash: u64,
        key: &Q,
        now: Instant,
        act: impl Fn(&mut T::More, &mut T::Value) -> R,
        visits: &mut Visits,
    ) -> Result<R, NoEntry>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        // Dropped behind the lock.
        let mut gone = Vec::new();
        self.shard(hash).with(|shard| {
            if shard.unseen(now) > self.kind.stale_after(&shard.more).saturating_mul(LATEST) {
                self.look_at_all(shard, now, &mut gone, visits);
            }
            for _ in 0..ENOUGH {
                if visits.0 < ENOUGH {
                    gone.extend(self.look_at_next(shard, now, visits));
                }
            }
            shard.act(hash, key, now, act)
        })
    }

    /// Removes every entry that is fresh.
    fn look_at_all(&self, shard: &mut Shard<K, T>, now: Instant, gone: &mut Vec<Removed<K, T>>, visits: &mut Visits) {
        let mut next = shard.table.before(None);
        while let Some(place) = next {
            *visits += 1;
            next = shard.table.before(Some(place));
            if shard.judge(&self.kind, place, now) == Use::Fresh {
                gone.push(self.take_out(shard, place, &mut Visits::default()));
            }
        }
        shard.seen = now;
    }

    /// Removes the entry that the hand is at if it is fresh, and moves the hand on.
    fn look_at_next(&self, shard: &mut Shard<K, T>, now: Instant, visits: &mut Visits) -> Option<Removed<K, T>> {
        let place = shard.table.at_hand()?;
        *visits += 1;
        let fresh = shard.judge(&self.kind, place, now) == Use::Fresh;
        let removed = fresh.then(|| self.take_out(shard, place, visits));
        shard.pass(now);
        removed
    }

    /// Makes room for one more key, if that can be. It counts from here on.
    pub(super) fn make_room(
        &self,
        shard: &mut Shard<K, T>,
        now: Instant,
        gone: &mut Gone<K, T>,
        visits: &mut Visits,
    ) -> bool {
        for place in &mut gone.in_passing {
            for _ in 0..IN_PASSING / 2 {
                if place.is_none() && visits.0 < ENOUGH {
                    *place = self.look_at_next(shard, now, visits);
                }
            }
        }
        // ORDERING: Relaxed: only the number itself counts, and no two get the same.
        if self.count.fetch_add(1, Ordering::Relaxed) < self.options.max_keys {
            return true;
        }
        if self.options.when_full == WhenFull::EvictIdlest {
            gone.evicted = self.evict_idlest(shard, now, visits);
        }
        if gone.evicted.is_none() {
            // ORDERING: Relaxed, as above.
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        gone.evicted.is_some()
    }

    /// Takes the idlest of a few entries out.
    fn evict_idlest(&self, shard: &mut Shard<K, T>, now: Instant, visits: &mut Visits) -> Option<Evicted<K, T>> {
        let mut idlest: Option<(Use, Place)> = None;
        for _ in 0..SAMPLE {
            let Some(place) = shard.table.at_hand().filter(|_| idlest.is_none() || visits.0 < PLENTY) else { break };
            *visits += 1;
            let here = (shard.judge(&self.kind, place, now), place);
            idlest = Some(idlest.map_or(here, |idlest| idlest.min(here)));
            shard.pass(now);
            if here.0 == Use::Fresh {
                break;
            }
        }
        let (found, place) = idlest.filter(|(found, _)| *found != Use::Held)?;
        shard.evicted += u64::from(found != Use::Fresh);
        Some((found, self.take_out(shard, place, visits)))
    }

    /// Makes room in another table than that of `hash`, which had none: as there, but for a few entries of all together.
    pub(super) fn make_room_elsewhere(&self, hash: u64, now: Instant, visits: &mut Visits) -> bool {
        let start = (hash >> 48) as usize;
        for other in 1..self.shards.len() {
            if visits.0 >= ENOUGH {
                break;
            }
            let shard = &self.shards[(start + other) & (self.shards.len() - 1)];
            let evicted = shard.0.with(|shard| match self.options.when_full {
                WhenFull::EvictIdlest => self.evict_idlest(shard, now, visits),
                WhenFull::Refuse => {
                    let fresh = (0..IN_PASSING / 2).find_map(|_| self.look_at_next(shard, now, visits));
                    fresh.map(|removed| (Use::Fresh, removed))
                }
            });
            if tell_and_drop::<K, T>(evicted) {
                return true;
            }
        }
        false
    }
}
