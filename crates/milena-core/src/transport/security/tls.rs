use super::Secret;
use std::{fmt, path::PathBuf};

/// How connections are encrypted, whom they trust, and who the client is.
///
/// ```
/// use milena_core::transport::{Pem, Tls};
///
/// // Trusts what the system trusts.
/// let tls = Tls::new();
///
/// // Trusts this CA alone, and shows a certificate of its own.
/// let mutual = Tls::new()
///     .ca(Pem::file("/etc/kafka/ca.crt"))
///     .certificate(Pem::file("/etc/kafka/client.crt"))
///     .key(Pem::text("-----BEGIN PRIVATE KEY-----\n..."))
///     .key_password("hunter2");
/// ```
///
/// The name of the broker is checked against its certificate.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Tls {
    /// Whom to trust; by default whom the system does.
    pub ca: Option<Pem>,
    /// What the client shows of itself.
    pub certificate: Option<Pem>,
    /// The private key of that.
    pub key: Option<Pem>,
    /// What opens the key.
    pub key_password: Option<Secret>,
}

impl Tls {
    /// Encrypted, with brokers that the system trusts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities, and no others (`ssl.ca.location`, `ssl.ca.pem`).
    #[must_use]
    pub fn ca(self, certificates: Pem) -> Self {
        Self { ca: Some(certificates), ..self }
    }

    /// The certificate that the client shows, with those between it and the authority behind it
    /// (`ssl.certificate.location`, `ssl.certificate.pem`). It needs a [`key`](Self::key).
    #[must_use]
    pub fn certificate(self, certificate: Pem) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// The private key of the [`certificate`](Self::certificate) (`ssl.key.location`, `ssl.key.pem`).
    #[must_use]
    pub fn key(self, key: Pem) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The password of an encrypted [`key`](Self::key) (`ssl.key.password`).
    #[must_use]
    pub fn key_password(self, password: impl Into<Secret>) -> Self {
        Self { key_password: Some(password.into()), ..self }
    }
}

/// A certificate or a key in the format PEM, in a file or in memory.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Pem {
    /// It is in this file, which is read whenever a client is made.
    File(PathBuf),
    /// It is this text.
    Text(Secret),
}

impl Pem {
    /// The PEM in this file, which is read whenever a client is made.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(path.into())
    }

    /// This text, as it comes from a variable or from where secrets are kept.
    pub fn text(text: impl Into<Secret>) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}
