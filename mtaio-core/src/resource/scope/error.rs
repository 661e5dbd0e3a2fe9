//! What went wrong in a scope.

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;

use super::super::close::BoxError;
use super::super::error::CloseErrors;

/// What went wrong in a scope: in its body, while its resources were closed, or in both.
///
/// # Examples
///
/// ```
/// use mtaio_core::resource::ExitStack;
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let scope = ExitStack::with_runtime(runtime.clone()).scope(async |stack| {
///     stack.defer(async || Err("the disk is full"));
///     "ten".parse::<u32>()
/// });
/// let error = runtime.block_on(scope).unwrap_err();
/// assert!(error.body().is_some());
/// assert_eq!(error.cleanup().map(|errors| errors.len()), Some(1));
/// assert!(error.to_string().starts_with("invalid digit found in string; and then, closing "));
/// ```
#[derive(Debug)]
pub struct ScopeError<E> {
    parts: Parts<E>,
}

#[derive(Debug)]
enum Parts<E> {
    Body(E),
    Cleanup(CloseErrors),
    Both(E, CloseErrors),
}

impl<E> ScopeError<E> {
    /// The outcome of a scope, of those of its two parts.
    pub(in crate::resource) fn check<T>(body: Result<T, E>, cleanup: Result<(), CloseErrors>) -> Result<T, Self> {
        let parts = match (body, cleanup) {
            (Ok(value), Ok(())) => return Ok(value),
            (Ok(_), Err(errors)) => Parts::Cleanup(errors),
            (Err(error), Ok(())) => Parts::Body(error),
            (Err(error), Err(errors)) => Parts::Both(error, errors),
        };
        Err(Self { parts })
    }

    /// The error of the body.
    pub fn body(&self) -> Option<&E> {
        match &self.parts {
            Parts::Body(error) | Parts::Both(error, _) => Some(error),
            Parts::Cleanup(_) => None,
        }
    }

    /// The errors of the cleanup after it.
    pub fn cleanup(&self) -> Option<&CloseErrors> {
        match &self.parts {
            Parts::Cleanup(errors) | Parts::Both(_, errors) => Some(errors),
            Parts::Body(_) => None,
        }
    }

    /// The error of the body and the errors of the cleanup. There is at least one of them.
    pub fn into_parts(self) -> (Option<E>, Option<CloseErrors>) {
        match self.parts {
            Parts::Body(error) => (Some(error), None),
            Parts::Cleanup(errors) => (None, Some(errors)),
            Parts::Both(error, errors) => (Some(error), Some(errors)),
        }
    }

    /// As an error of any type, for bodies whose own is one already: `?` does not convert those, since
    /// `Box<dyn Error>` is not itself an [`Error`].
    pub fn boxed(self) -> Box<dyn Error + Send + Sync>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        match self.parts {
            Parts::Body(error) => error.into(),
            Parts::Cleanup(errors) => errors.into(),
            Parts::Both(error, errors) => ScopeError { parts: Parts::Both(Boxed(error.into()), errors) }.into(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ScopeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parts {
            Parts::Body(error) => error.fmt(f),
            Parts::Cleanup(errors) => errors.fmt(f),
            Parts::Both(error, errors) => write!(f, "{error}; and then, {errors}"),
        }
    }
}

impl<E: Error + 'static> Error for ScopeError<E> {
    /// The error of the body, if there is one.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.parts {
            Parts::Body(error) | Parts::Both(error, _) => Some(error),
            Parts::Cleanup(errors) => Some(errors),
        }
    }
}

impl<E> From<CloseErrors> for ScopeError<E> {
    fn from(errors: CloseErrors) -> Self {
        Self { parts: Parts::Cleanup(errors) }
    }
}

/// An error of any type that is one itself.
struct Boxed(BoxError);

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Boxed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
