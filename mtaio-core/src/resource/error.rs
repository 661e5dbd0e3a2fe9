//! What went wrong while resources were closed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::{self, Vec};
use core::error::Error;
use core::fmt;
use core::slice;
use core::time::Duration;

use super::close::BoxError;

/// Why one finalizer did not succeed.
#[derive(Debug)]
pub struct CloseError {
    what: &'static str,
    failure: Failure,
}

/// The kinds of [`CloseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseErrorKind {
    /// It returned an error, which is the [`source`](Error::source).
    Failed,
    /// It took longer than it may, and was dropped.
    TimedOut,
    /// It panicked.
    Panicked,
}

#[derive(Debug)]
pub(super) enum Failure {
    Failed(BoxError),
    TimedOut(Duration),
    /// With its message, if that was text.
    Panicked(Option<String>),
}

impl CloseError {
    pub(super) fn new(what: &'static str, failure: Failure) -> Self {
        Self { what, failure }
    }

    /// Which kind it is.
    pub fn kind(&self) -> CloseErrorKind {
        match self.failure {
            Failure::Failed(_) => CloseErrorKind::Failed,
            Failure::TimedOut(_) => CloseErrorKind::TimedOut,
            Failure::Panicked(_) => CloseErrorKind::Panicked,
        }
    }

    /// The name of the type of the resource, or of the closure. It is for people: compilers name types as they like.
    pub fn type_name(&self) -> &'static str {
        self.what
    }

    /// How long it could take. Only for [`TimedOut`](CloseErrorKind::TimedOut).
    pub fn time_limit(&self) -> Option<Duration> {
        match self.failure {
            Failure::TimedOut(limit) => Some(limit),
            _ => None,
        }
    }

    /// What the panic said, if that was text. Only for [`Panicked`](CloseErrorKind::Panicked).
    pub fn panic_message(&self) -> Option<&str> {
        match &self.failure {
            Failure::Panicked(message) => message.as_deref(),
            _ => None,
        }
    }

    /// The error of the resource itself. Only for [`Failed`](CloseErrorKind::Failed).
    pub fn into_source(self) -> Option<Box<dyn Error + Send + Sync>> {
        match self.failure {
            Failure::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what;
        match &self.failure {
            Failure::Failed(error) => write!(f, "closing {what} failed: {error}"),
            Failure::TimedOut(limit) => write!(f, "closing {what} was given up after {limit:?}"),
            Failure::Panicked(Some(message)) => write!(f, "closing {what} panicked: {message}"),
            Failure::Panicked(None) => write!(f, "closing {what} panicked"),
        }
    }
}

impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.failure {
            Failure::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}

/// Everything that went wrong while resources were closed, in the order in which it happened. There is at least one.
///
/// # Examples
///
/// ```
/// use mtaio_core::resource::{CloseErrorKind, ExitStack};
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let stack = ExitStack::with_runtime(runtime.clone());
/// stack.defer(async || Err("the disk is full"));
/// stack.defer(async || assert_eq!(1 + 1, 3, "out of luck"));
/// let errors = runtime.block_on(stack.close()).unwrap_err();
/// let kinds: Vec<_> = errors.iter().map(|error| error.kind()).collect();
/// assert_eq!(kinds, [CloseErrorKind::Panicked, CloseErrorKind::Failed]);
/// assert!(errors.to_string().ends_with("failed: the disk is full"));
/// ```
#[derive(Debug)]
pub struct CloseErrors {
    /// Never empty.
    errors: Vec<CloseError>,
}

impl CloseErrors {
    /// `Ok` if there are none.
    pub(super) fn check(errors: Vec<CloseError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self { errors }) }
    }

    /// The one that came first.
    pub fn first(&self) -> &CloseError {
        &self.errors[0]
    }

    /// All of them, as they came.
    pub fn iter(&self) -> slice::Iter<'_, CloseError> {
        self.errors.iter()
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.errors.len()
    }
}

impl IntoIterator for CloseErrors {
    type Item = CloseError;
    type IntoIter = vec::IntoIter<CloseError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl<'a> IntoIterator for &'a CloseErrors {
    type Item = &'a CloseError;
    type IntoIter = slice::Iter<'a, CloseError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for CloseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len() > 1 {
            write!(f, "{} resources did not close well: ", self.len())?;
        }
        for (index, error) in self.iter().enumerate() {
            write!(f, "{}{error}", if index > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl Error for CloseErrors {
    /// The first one; [`iter`](Self::iter) has all.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.first())
    }
}

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
    pub(super) fn check<T>(body: Result<T, E>, cleanup: Result<(), CloseErrors>) -> Result<T, Self> {
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
