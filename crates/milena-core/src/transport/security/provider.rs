use super::Token;
use crate::{error::BoxError, transport::BoxFuture};
use std::collections::BTreeMap;

/// Gives out the tokens by which a client shows who it is (SASL's mechanism OAUTHBEARER, KIP-255).
///
/// ```
/// use milena_core::{error::BoxError, transport::{Token, TokenProvider}};
///
/// /// Reads the token that Kubernetes puts into a file, and renews there.
/// struct Projected;
///
/// # #[cfg(feature = "tokens")]
/// impl TokenProvider for Projected {
///     async fn token(&self) -> Result<Token, BoxError> {
///         let text = std::fs::read_to_string("/var/run/secrets/kafka/token")?;
///         Ok(Token::jwt(text.trim())?)
///     }
/// }
/// ```
///
/// A provider need not keep tokens: the driver asks for one when the first client of a cluster is made,
/// shares it among all of them, and asks for the next in good time. It bounds each call, and tries again
/// later when a call fails, panics or takes too long.
pub trait TokenProvider: Send + Sync + 'static {
    /// A token that is valid for some time.
    ///
    /// It is called on the async runtime of the service, and may use what that offers.
    ///
    /// # Errors
    ///
    /// Why there is none. An [`Error`](crate::Error) of kind
    /// [`Unauthorized`](crate::error::ErrorKind::Unauthorized) says that who asked was refused; others pass.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when it takes too long.
    fn token(&self) -> impl Future<Output = Result<Token, BoxError>> + Send;

    /// What is sent to the broker beside the token, by name; by default nothing.
    ///
    /// It is called after each token. Names are letters, and `auth` is not one of them.
    fn extensions(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// A [`TokenProvider`] as a trait object, for drivers.
pub trait DynTokenProvider: Send + Sync + 'static {
    /// See [`TokenProvider::token`].
    fn token(&self) -> BoxFuture<'_, Result<Token, BoxError>>;

    /// See [`TokenProvider::extensions`].
    fn extensions(&self) -> BTreeMap<String, String>;
}

impl<P: TokenProvider> DynTokenProvider for P {
    fn token(&self) -> BoxFuture<'_, Result<Token, BoxError>> {
        Box::pin(TokenProvider::token(self))
    }

    fn extensions(&self) -> BTreeMap<String, String> {
        TokenProvider::extensions(self)
    }
}
