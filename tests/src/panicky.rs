//! Wakers that panic, and what became of it.

use alloc::sync::Arc;
use core::any::Any;
use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::{RawWaker, RawWakerVTable, Waker};
use std::panic::catch_unwind;

/// When a waker panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panicky {
    /// When it is woken.
    Wake,
    /// When it is cloned.
    Clone,
    /// When it is dropped.
    Drop,
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_it);

impl Panicky {
    /// A waker that panics then, saying so.
    pub fn waker(self) -> Waker {
        let data = Arc::into_raw(Arc::new(self)).cast();
        // SAFETY: the data is a raw `Arc<Panicky>`, as all functions of the table expect, and `Panicky` is `Send` and `Sync`.
        unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
    }

    fn panic_at(self, moment: Self) {
        assert!(self != moment || std::thread::panicking(), "a waker panics in {moment:?}");
    }
}

/// # Safety
///
/// `data` comes from `Arc::<Panicky>::into_raw`, and that reference is still counted. It stays counted.
unsafe fn borrow(data: *const ()) -> mem::ManuallyDrop<Arc<Panicky>> {
    // SAFETY: the caller says so, and the count is not lowered.
    mem::ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the contract of the table: the waker is alive.
    let this = unsafe { borrow(data) };
    this.panic_at(Panicky::Clone);
    RawWaker::new(Arc::into_raw(Arc::clone(&this)).cast(), &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the contract of the table: this consumes the waker.
    let this = unsafe { Arc::<Panicky>::from_raw(data.cast()) };
    this.panic_at(Panicky::Wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the contract of the table: the waker is alive.
    let this = unsafe { borrow(data) };
    this.panic_at(Panicky::Wake);
}

unsafe fn drop_it(data: *const ()) {
    // SAFETY: the contract of the table: this consumes the waker.
    let this = unsafe { Arc::<Panicky>::from_raw(data.cast()) };
    this.panic_at(Panicky::Drop);
}

/// What `job` panics with; `None` if it does not.
pub fn panic_of<T>(job: impl FnOnce() -> T) -> Option<String> {
    catch_unwind(AssertUnwindSafe(job)).err().map(|panic| message_of(&*panic))
}

/// The words of a panic.
pub fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
