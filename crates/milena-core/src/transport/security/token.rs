use super::{Secret, refused};
use crate::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A token, whose it is, and until when it is valid.
///
/// ```
/// use milena_core::transport::Token;
/// use std::time::{Duration, SystemTime};
///
/// let token = Token::new("opaque", SystemTime::now() + Duration::from_secs(300)).principal("billing");
/// assert!(token.validate().is_ok());
///
/// # #[cfg(feature = "tokens")]
/// let refused = Token::jwt("").unwrap_err();
/// # #[cfg(feature = "tokens")]
/// assert_eq!(refused.to_string(), "could not use a token: it is empty");
/// ```
///
/// `Debug` shows whose it is, and never the token.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Token {
    /// What is sent to the broker.
    pub value: Secret,
    /// Whose it is; the broker decides that by the token alone.
    pub principal: String,
    /// When the broker accepts it no longer.
    pub expires_at: SystemTime,
}

impl Token {
    /// A token that only its issuer can read.
    pub fn new(value: impl Into<Secret>, expires_at: SystemTime) -> Self {
        Self { value: value.into(), principal: String::new(), expires_at }
    }

    /// A JSON Web Token (RFC 7519), which says in `sub` whose it is and in `exp` until when it is valid.
    /// Its signature is for the broker to check.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](crate::error::ErrorKind::Unauthorized) when it is empty, malformed, expired, or
    /// says no `exp`. The message has nothing of the token.
    #[cfg(feature = "tokens")]
    pub fn jwt(text: impl Into<Secret>) -> Result<Self, Error> {
        let value = text.into();
        check_text(value.expose())?;
        let (principal, expires_at) = claims(value.expose())?;
        let token = Self { value, principal, expires_at };
        token.validate()?;
        Ok(token)
    }

    /// Says whose the token is.
    #[must_use]
    pub fn principal(self, principal: impl Into<String>) -> Self {
        Self { principal: principal.into(), ..self }
    }

    /// Whether a broker could take it now.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](crate::error::ErrorKind::Unauthorized) when it is empty, has a character that no
    /// token has (RFC 6750), or has expired.
    pub fn validate(&self) -> Result<(), Error> {
        check_text(self.value.expose())?;
        match SystemTime::now().duration_since(self.expires_at) {
            Ok(since) => Err(refused(format_args!("it expired {} s ago", since.as_secs()))),
            Err(_) => Ok(()),
        }
    }

    /// For how long it is valid from now on.
    pub fn lifetime(&self) -> Duration {
        self.expires_at.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// Until when it is valid, in milliseconds since 1970.
    pub fn expires_at_millis(&self) -> i64 {
        let since = self.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(refused("it is empty"));
    }
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    match text.chars().position(|c| !is_fine(c)) {
        Some(at) => Err(refused(format_args!("no token has such a character as number {at}"))),
        None => Ok(()),
    }
}

/// Whose a JSON Web Token is, and until when it is valid.
#[cfg(feature = "tokens")]
fn claims(text: &str) -> Result<(String, SystemTime), Error> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut parts = text.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refused("it has not the three parts of a JSON Web Token"));
    };
    let claims = URL_SAFE_NO_PAD
        .decode(claims.trim_end_matches('='))
        .map_err(|_| refused("its claims are not in base64url"))?;
    let claims: serde_json::Value =
        serde_json::from_slice(&claims).map_err(|_| refused("its claims are not JSON"))?;
    let expires_at = claims["exp"]
        .as_f64()
        .and_then(|exp| UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(exp).ok()?))
        .ok_or_else(|| refused("it does not say in `exp` until when it is valid"))?;
    Ok((claims["sub"].as_str().unwrap_or_default().to_owned(), expires_at))
}

#[cfg(feature = "tokens")]
#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    fn jwt(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    fn in_seconds(seconds: i64) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(now).unwrap() + seconds
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        let error = Token::jwt(text).unwrap_err();
        assert_eq!(error.to_string(), format!("could not use a token: {why}"));
        assert_eq!(error.kind(), crate::error::ErrorKind::Unauthorized);
    }

    #[test]
    fn a_json_web_token_says_whose_it_is_and_until_when() {
        let exp = in_seconds(60);
        let token = Token::jwt(jwt(&format!(r#"{{"sub":"ada","exp":{exp}}}"#))).unwrap();

        assert_eq!(token.principal, "ada");
        assert_eq!(token.expires_at_millis(), exp * 1000);
        assert!(token.lifetime() > Duration::from_secs(50));
        // Without a signature, as for brokers that check none.
        let unsigned = jwt(&format!(r#"{{"exp":{exp}.5}}"#)).replace("sig", "");
        assert_eq!(Token::jwt(unsigned).unwrap().expires_at_millis(), exp * 1000 + 500);
    }

    #[test]
    fn what_no_broker_would_take_is_refused_early() {
        check_refused("", "it is empty");
        check_refused("a b", "no token has such a character as number 1");
        check_refused("token\n", "no token has such a character as number 5");
        check_refused("a.b", "it has not the three parts of a JSON Web Token");
        check_refused("a.b.c.d", "it has not the three parts of a JSON Web Token");
        check_refused("a.+.c", "its claims are not in base64url");
        check_refused(&jwt("claims"), "its claims are not JSON");
        check_refused(&jwt(r#"{"sub":"ada"}"#), "it does not say in `exp` until when it is valid");
        check_refused(&jwt(r#"{"exp":"soon"}"#), "it does not say in `exp` until when it is valid");
        let expired = jwt(&format!(r#"{{"exp":{}}}"#, in_seconds(-60)));
        let error = Token::jwt(expired).unwrap_err().to_string();
        assert!(error.starts_with("could not use a token: it expired 6"), "{error}");
    }

    #[test]
    fn a_token_that_only_its_issuer_can_read_is_checked_the_same() {
        let at = |seconds| SystemTime::now() + Duration::from_secs(seconds);

        Token::new("opaque", at(60)).validate().unwrap();
        assert!(Token::new("", at(60)).validate().is_err());
        assert!(Token::new("opaque", SystemTime::now()).validate().is_err());
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::new("opaque", SystemTime::now()).principal("ada");
        let shown = format!("{token:?}");

        assert!(shown.contains("ada") && !shown.contains("opaque"), "{shown}");
    }
}
