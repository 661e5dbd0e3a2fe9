//! What everything else stands on: atomics, the lock, and the two things that only std can do.
//!
//! This is the only file that knows whether it runs on std, on a critical section under loom or under shuttle. Everybody else
//! names these types and nothing below them.

#[cfg(not(any(feature = "std", feature = "critical-section")))]
compile_error!(
    "mtaio-core needs a lock: enable the feature `std` (on by default), or, without an operating system, \
     the feature `critical-section`"
);

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

// What the tests of this crate stand on counts what it does.
#[cfg(all(test, feature = "std", target_has_atomic = "64", not(any(loom, shuttle))))]
pub(crate) mod counted;
#[cfg(all(test, feature = "std", target_has_atomic = "64", not(any(loom, shuttle))))]
pub(crate) use counted::{AtomicBool, AtomicU64, AtomicUsize};

#[cfg(all(not(any(loom, shuttle, all(test, feature = "std"))), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;
#[cfg(all(not(any(loom, shuttle)), target_has_atomic = "ptr"))]
pub(crate) use core::sync::atomic::Ordering;
#[cfg(all(
    not(any(loom, shuttle, all(test, feature = "std", target_has_atomic = "64"))),
    target_has_atomic = "ptr"
))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize};
#[cfg(all(not(loom), not(target_has_atomic = "ptr")))]
pub(crate) use portable_atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(all(not(loom), not(target_has_atomic = "64")))]
pub(crate) use wide::AtomicU64;

/// For a static, which the atomics of loom cannot be in. No model sees it.
#[cfg(all(feature = "tsc", target_arch = "x86_64"))]
pub(crate) use core::sync::atomic::AtomicU64 as StaticU64;

/// The time stamp counter. Nothing orders it with what stands around it.
#[cfg(all(feature = "tsc", target_arch = "x86_64"))]
#[inline]
pub(crate) fn time_stamp() -> u64 {
    // SAFETY: every x86-64 has this instruction. A system may keep its programs from it: `start` in `runtime/counter.rs` asks
    // for it only where the system's own clock, which programs read for themselves, stands on it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Declares a function that is `const`, except under loom, whose types cannot be made in a constant.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// A short lock. Nothing that is foreign to this crate runs inside it, except a clock's `now`.
///
/// It takes a closure, so that it can be a critical section, and so that nobody holds it across an `await`.
pub(crate) struct Lock<T>(Inner<T>);

#[cfg(loom)]
type Inner<T> = loom::sync::Mutex<T>;
#[cfg(shuttle)]
type Inner<T> = shuttle::sync::Mutex<T>;
#[cfg(all(not(any(loom, shuttle)), feature = "std"))]
type Inner<T> = std::sync::Mutex<T>;
#[cfg(all(not(loom), not(feature = "std"), feature = "critical-section"))]
type Inner<T> = critical_section::Mutex<core::cell::RefCell<T>>;
#[cfg(all(not(loom), not(feature = "std"), not(feature = "critical-section")))]
type Inner<T> = core::cell::RefCell<T>;

impl<T> Lock<T> {
    const_fn! {
        pub(crate) const fn new(value: T) -> Self {
            #[cfg(any(loom, feature = "std"))]
            return Self(Inner::new(value));
            #[cfg(all(not(any(loom, feature = "std")), feature = "critical-section"))]
            return Self(Inner::new(core::cell::RefCell::new(value)));
            #[cfg(not(any(loom, feature = "std", feature = "critical-section")))]
            return Self(Inner::new(value));
        }
    }

    /// Runs `f` with the value, alone.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(all(test, feature = "std", target_has_atomic = "64", not(any(loom, shuttle))))]
        counted::note(|counts| counts.locks += 1);
        // A panic inside can only come from a clock, and leaves the value as it was: poisoning says nothing.
        #[cfg(any(loom, feature = "std"))]
        return f(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        #[cfg(all(not(any(loom, feature = "std")), feature = "critical-section"))]
        return critical_section::with(|section| f(&mut self.0.borrow_ref_mut(section)));
        #[cfg(not(any(loom, feature = "std", feature = "critical-section")))]
        return f(&mut self.0.borrow_mut());
    }
}

/// A 64-bit word for targets that have none: each operation is a short critical section.
#[cfg(all(not(loom), not(target_has_atomic = "64")))]
mod wide {
    use super::{Lock, Ordering};

    pub(crate) struct AtomicU64(Lock<u64>);

    impl AtomicU64 {
        pub(crate) const fn new(value: u64) -> Self {
            Self(Lock::new(value))
        }

        pub(crate) fn load(&self, _: Ordering) -> u64 {
            self.0.with(|word| *word)
        }

        pub(crate) fn store(&self, value: u64, _: Ordering) {
            self.0.with(|word| *word = value);
        }

        pub(crate) fn swap(&self, value: u64, _: Ordering) -> u64 {
            self.0.with(|word| core::mem::replace(word, value))
        }

        pub(crate) fn fetch_or(&self, bits: u64, _: Ordering) -> u64 {
            self.0.with(|word| core::mem::replace(word, *word | bits))
        }

        pub(crate) fn fetch_min(&self, value: u64, _: Ordering) -> u64 {
            self.0.with(|word| core::mem::replace(word, value.min(*word)))
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: u64,
            new: u64,
            _: Ordering,
            _: Ordering,
        ) -> Result<u64, u64> {
            self.0.with(|word| if *word == current { Ok(core::mem::replace(word, new)) } else { Err(*word) })
        }
    }
}

/// A panic that was caught, to be let go later.
#[cfg(feature = "std")]
pub(crate) type Panic = alloc::boxed::Box<dyn core::any::Any + Send>;
/// Without std nothing can be caught: there a panic ends the program, or unwinds through us.
#[cfg(not(feature = "std"))]
pub(crate) type Panic = core::convert::Infallible;

/// Runs foreign code and keeps its panic, where std can.
#[inline]
pub(crate) fn catch(f: impl FnOnce()) -> Result<(), Panic> {
    #[cfg(feature = "std")]
    return std::panic::catch_unwind(core::panic::AssertUnwindSafe(f));
    #[cfg(not(feature = "std"))]
    {
        f();
        Ok(())
    }
}

/// Lets a caught panic go on, unless this thread is unwinding already (a second panic would abort).
pub(crate) fn resume(panic: Panic) {
    #[cfg(feature = "std")]
    if !std::thread::panicking() {
        std::panic::resume_unwind(panic);
    }
    #[cfg(not(feature = "std"))]
    match panic {}
}

/// Lets a caught panic go on, whatever this thread does.
#[cfg(feature = "alloc")]
pub(crate) fn rethrow(panic: Panic) -> ! {
    #[cfg(feature = "std")]
    std::panic::resume_unwind(panic);
    #[cfg(not(feature = "std"))]
    match panic {}
}

/// What a caught panic said, if that was text.
#[cfg(feature = "alloc")]
pub(crate) fn message(panic: Panic) -> Option<alloc::string::String> {
    #[cfg(feature = "std")]
    {
        let text = match panic.downcast_ref::<&str>() {
            Some(text) => Some((*text).into()),
            None => panic.downcast_ref::<alloc::string::String>().cloned(),
        };
        quietly(|| drop(panic));
        text
    }
    #[cfg(not(feature = "std"))]
    match panic {}
}

/// Runs foreign code whose panic is nobody's business: the panic hook has told of it.
#[cfg(feature = "alloc")]
pub(crate) fn quietly(f: impl FnOnce()) {
    let outcome = catch(f);
    // What a panic carries may panic when it is dropped, and that again.
    #[cfg(feature = "std")]
    core::mem::forget(outcome.or_else(|panic| catch(|| drop(panic))));
    #[cfg(not(feature = "std"))]
    let Ok(()) = outcome;
}

/// Whether this thread is unwinding.
pub(crate) fn unwinding() -> bool {
    #[cfg(feature = "std")]
    return std::thread::panicking();
    #[cfg(not(feature = "std"))]
    return false;
}

/// Stands beside a value that is reached through raw pointers, so that loom sees who touches it: two touches that nothing
/// orders fail the model. Elsewhere it is nothing.
pub(crate) struct Witness {
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<()>,
}

impl Witness {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(loom)]
            cell: loom::cell::UnsafeCell::new(()),
        }
    }

    /// The value is about to be touched by one who has it alone.
    #[inline]
    pub(crate) fn touch(&self) {
        #[cfg(loom)]
        self.cell.with_mut(|_| ());
    }
}

/// Declares what each thread has for itself, from a constant; those of loom and shuttle take none.
#[cfg(feature = "std")]
macro_rules! thread_static {
    (static $name:ident: $type:ty = $initial:expr) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local!(static $name: $type = const { $initial });
        #[cfg(loom)]
        loom::thread_local!(static $name: $type = $initial);
        #[cfg(shuttle)]
        shuttle::thread_local!(static $name: $type = $initial);
    };
}
#[cfg(feature = "std")]
pub(crate) use thread_static;

/// A number that nobody else in this process gets, counted from 0.
#[cfg(feature = "std")]
pub(crate) fn unique() -> u64 {
    // A static, which loom's atomics cannot be; no order of anything rests on it.
    static NEXT: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
    // ORDERING: Relaxed: a counter, orders nothing.
    NEXT.fetch_add(1, core::sync::atomic::Ordering::Relaxed) as u64
}

/// How many wakers leave the lock at once. Under loom few, so that the models see a batch that overflows.
pub(crate) const BATCH: usize = if cfg!(loom) { 2 } else { 32 };

/// Up to `N` values in place, first in, first out; slots that hold nothing cost nothing.
pub(crate) struct Stage<T, const N: usize> {
    // Invariant: exactly the slots from `head` up to `tail` hold a value.
    slots: [core::mem::MaybeUninit<T>; N],
    head: usize,
    tail: usize,
}

impl<T, const N: usize> Stage<T, N> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { slots: [const { core::mem::MaybeUninit::uninit() }; N], head: 0, tail: 0 }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.tail == N
    }

    /// Adds a value behind the others.
    ///
    /// # Panics
    /// When it is full.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.slots[self.tail].write(value);
        self.tail += 1;
    }

    /// Takes the first value; whoever takes the last one finds all slots free again.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let slot = &self.slots[self.head];
        self.head += 1;
        // SAFETY: by the invariant this slot held a value; it is now before `head`, so nobody reads it again.
        let value = unsafe { slot.assume_init_read() };
        if self.is_empty() {
            (self.head, self.tail) = (0, 0);
        }
        Some(value)
    }
}

impl<T, const N: usize> Drop for Stage<T, N> {
    #[inline]
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// A bit for each of the bytes that is `byte`, and perhaps for some that are not, where another one is before them.
#[cfg(all(feature = "keyed", target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn same_bytes(bytes: &[u8; 32], byte: u8) -> u32 {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    let half = |half: &[u8; 16]| {
        // SAFETY: every x86-64 has SSE2; the load is of sixteen bytes that are there, wherever they lie.
        unsafe {
            let same = _mm_cmpeq_epi8(_mm_loadu_si128(half.as_ptr().cast()), _mm_set1_epi8(byte as i8));
            _mm_movemask_epi8(same) as u32
        }
    };
    let (low, high) = bytes.split_at(16);
    match (low.try_into(), high.try_into()) {
        (Ok(low), Ok(high)) => half(low) | (half(high) << 16),
        _ => unreachable!("two halves of 32 are 16 each"),
    }
}

/// A bit for each of the bytes that is `byte`, and perhaps for some that are not, where another one is before them.
#[cfg(all(feature = "keyed", any(not(target_arch = "x86_64"), test)))]
#[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "a test holds both against each other"))]
pub(crate) fn same_bytes_in_words(bytes: &[u8; 32], byte: u8) -> u32 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // Brings the lowest bits of all bytes together in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    bytes.chunks_exact(8).enumerate().fold(0, |same, (number, word)| {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        let differ = word ^ (ONES * u64::from(byte));
        // The high bit of each byte that is zero, and perhaps of some above it.
        let zero = differ.wrapping_sub(ONES) & !differ & (ONES << 7);
        same | ((((zero >> 7).wrapping_mul(GATHER) >> 56) as u32) << (8 * number))
    })
}
#[cfg(all(feature = "keyed", not(target_arch = "x86_64")))]
pub(crate) use same_bytes_in_words as same_bytes;

/// A header, and up to `room` values behind it, in one piece of memory: who has come to the one is near the others.
#[cfg(feature = "keyed")]
pub(crate) struct Tray<H, T> {
    // Invariants: it leads to memory of `layout(room)` that nobody else has; its head is initialised, and so are exactly the first
    // `len` values; `len <= room`.
    head: core::ptr::NonNull<Head<H>>,
    _owns: core::marker::PhantomData<(H, T)>,
}

#[cfg(feature = "keyed")]
struct Head<H> {
    len: u16,
    room: u16,
    header: H,
}

// SAFETY: it owns what it leads to.
#[cfg(feature = "keyed")]
unsafe impl<H: Send, T: Send> Send for Tray<H, T> {}

#[cfg(feature = "keyed")]
impl<H, T> Tray<H, T> {
    pub(crate) fn new(header: H, room: u16) -> Self {
        let layout = Self::layout(room).0;
        // SAFETY: the layout has the size of a head at least.
        let memory = unsafe { alloc::alloc::alloc(layout) }.cast::<Head<H>>();
        let head = core::ptr::NonNull::new(memory).unwrap_or_else(|| alloc::alloc::handle_alloc_error(layout));
        // SAFETY: a head fits there, and nobody else has it.
        unsafe { head.write(Head { len: 0, room, header }) };
        Self { head, _owns: core::marker::PhantomData }
    }

    /// What a tray of `room` values takes, and where its first value lies.
    fn layout(room: u16) -> (core::alloc::Layout, usize) {
        let values = core::alloc::Layout::array::<T>(room.into());
        let both = values.and_then(|values| core::alloc::Layout::new::<Head<H>>().extend(values));
        both.expect("so many values fit into memory")
    }

    /// The place of a value, whether it is there or not; `place <= room`.
    #[inline]
    fn value(&self, place: usize) -> core::ptr::NonNull<T> {
        let first = size_of::<Head<H>>().next_multiple_of(align_of::<T>());
        // SAFETY: the values begin there, as `layout` puts them, and the place is at most the end of the memory.
        unsafe { self.head.cast::<u8>().add(first).cast::<T>().add(place) }
    }

    #[inline]
    fn head(&self) -> &Head<H> {
        // SAFETY: the head is initialised, and borrowed as the tray is.
        unsafe { self.head.as_ref() }
    }

    #[inline]
    fn head_mut(&mut self) -> &mut Head<H> {
        // SAFETY: as in `head`.
        unsafe { self.head.as_mut() }
    }

    /// Sends for the first `bytes` of what there is, ahead of its use.
    #[inline(always)]
    pub(crate) fn send_for(&self, bytes: usize) {
        #[cfg(target_arch = "x86_64")]
        for line in (0..bytes).step_by(64) {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let place = self.head.as_ptr().cast::<i8>().wrapping_add(line);
            // SAFETY: every x86-64 has SSE; a hint reads nothing, wherever it points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = bytes;
    }

    #[inline]
    pub(crate) fn header(&self) -> &H {
        &self.head().header
    }

    pub(crate) fn header_mut(&mut self) -> &mut H {
        &mut self.head_mut().header
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.head().len.into()
    }

    pub(crate) fn room(&self) -> usize {
        self.head().room.into()
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        // SAFETY: the first `len` values are initialised, and borrowed as the tray is.
        (place < self.len()).then(|| unsafe { self.value(place).as_ref() })
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        // SAFETY: as in `get`.
        (place < self.len()).then(|| unsafe { self.value(place).as_mut() })
    }

    /// Adds a value behind the others.
    ///
    /// # Panics
    /// When it is full.
    pub(crate) fn push(&mut self, value: T) {
        let len = self.len();
        assert!(len < self.room(), "a tray has room for {len} values");
        // SAFETY: there is room for it, and nothing is there yet.
        unsafe { self.value(len).write(value) };
        self.head_mut().len += 1;
    }

    /// Takes the last value.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        self.head_mut().len -= 1;
        // SAFETY: it was initialised, and counts no more: nobody else reads it out.
        Some(unsafe { self.value(last).read() })
    }

    /// Makes room for `room` values, or for those that there are.
    pub(crate) fn resize(&mut self, room: u16) {
        let (old, room) = (Self::layout(self.head().room).0, room.max(self.head().len));
        let new = Self::layout(room).0;
        // SAFETY: the memory is of the old layout; the new one is aligned alike, and not empty.
        let memory = unsafe { alloc::alloc::realloc(self.head.as_ptr().cast(), old, new.size()) }.cast::<Head<H>>();
        self.head = core::ptr::NonNull::new(memory).unwrap_or_else(|| alloc::alloc::handle_alloc_error(new));
        self.head_mut().room = room;
    }
}

#[cfg(feature = "keyed")]
impl<H, T> Drop for Tray<H, T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        let layout = Self::layout(self.head().room).0;
        // SAFETY: the head goes with the tray, and the memory is of this layout. If a value's drop panicked, it is leaked.
        unsafe {
            self.head.drop_in_place();
            alloc::alloc::dealloc(self.head.as_ptr().cast(), layout);
        }
    }
}

/// What models of concurrent code stand on.
#[cfg(all(test, feature = "std"))]
pub(crate) mod model {
    #[cfg(loom)]
    pub(crate) use loom::thread;
    #[cfg(shuttle)]
    pub(crate) use shuttle::{future::block_on, thread};
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) use std::thread;

    /// Runs a model: under loom in every interleaving with few preemptions, otherwise often.
    pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
        #[cfg(loom)]
        {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(3);
            builder.check(model);
        }
        #[cfg(not(loom))]
        (0..200).for_each(|_| model());
    }

    /// Runs a scenario under random schedules, half of them with few preemptions; or under the one that is asked for.
    #[cfg(shuttle)]
    pub(crate) fn schedule(scenario: impl Fn() + Send + Sync + 'static) {
        const SCHEDULES: usize = 5_000;
        if let Ok(schedule) = std::env::var("MTAIO_SCHEDULE") {
            return shuttle::replay(scenario, &schedule);
        }
        let scenario = alloc::sync::Arc::new(scenario);
        let again = alloc::sync::Arc::clone(&scenario);
        shuttle::check_random(move || scenario(), SCHEDULES);
        shuttle::check_pct(move || again(), SCHEDULES, 3);
    }
}
