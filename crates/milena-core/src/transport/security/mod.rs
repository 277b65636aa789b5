//! How a client shows who it is, and knows whom it talks to: TLS, tokens, Kerberos.
//!
//! These are values for drivers; nothing here reads a file or asks a server. A driver has setters that take
//! them, as `Kafka::tls` and `Kafka::oauth`.

mod gssapi;
mod provider;
mod secret;
mod tls;
mod token;

pub use self::{
    gssapi::Gssapi,
    provider::{DynTokenProvider, TokenProvider},
    secret::Secret,
    tls::{Pem, Tls},
    token::Token,
};

use crate::error::{Error, ErrorKind};

fn refused(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unauthorized, format!("could not use a token: {why}"))
}
