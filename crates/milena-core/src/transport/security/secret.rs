use std::fmt;

/// A text that is never shown: a password, a key, a token.
///
/// `Debug` writes `...` in its place, and there is no `Display`.
///
/// ```
/// use milena_core::transport::Secret;
///
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "...");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
///
/// It is not wiped from memory: a driver hands it to a client that keeps a copy of its own.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// This text, as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}
