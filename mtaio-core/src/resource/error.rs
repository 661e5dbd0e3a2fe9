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
        let what = What(self.what);
        match &self.failure {
            Failure::Failed(error) => write!(f, "closing {what} failed: {error}"),
            Failure::TimedOut(limit) => write!(f, "closing {what} was given up after {limit:?}"),
            Failure::Panicked(Some(message)) => write!(f, "closing {what} panicked: {message}"),
            Failure::Panicked(None) => write!(f, "closing {what} panicked"),
        }
    }
}

/// The name of a resource's type. That of a closure is where it stands.
struct What(&'static str);

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once("::{{closure}}") {
            Some((place, _)) => write!(f, "what {place} deferred"),
            None => f.write_str(self.0),
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
