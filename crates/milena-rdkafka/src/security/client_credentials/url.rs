use crate::error::config as refuse;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use milena_core::error::Error;

/// The URL without what may be a secret in it.
pub(super) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Whether a secret may be sent there, and how the URL is shown.
pub(super) fn check(url: &str) -> Result<String, Error> {
    let shown = shown(url);
    let wrong = |why: &str| {
        refuse(format!("could not use `{shown}` as the URL of `ClientCredentials`: {why}"))
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return Err(wrong("it has a user; id and secret are arguments"));
    }
    if url.contains(['?', '#']) {
        return Err(wrong("it has a query, which is logged on the way; use `parameter`"));
    }
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.split(':').next().unwrap_or_default(),
    };
    if name.is_empty() {
        return Err(wrong("it has no host"));
    }
    match scheme {
        "https" => Ok(shown),
        "http" if ["localhost", "::1"].contains(&name) || name.starts_with("127.") => Ok(shown),
        "http" => Err(wrong("whoever sees the connection would have the secret; use `https://`")),
        _ => Err(wrong("it does not begin with `https://`")),
    }
}

/// The header by which a client shows who it is: both parts are encoded first (RFC 6749, 2.3.1).
pub(super) fn basic(id: &str, secret: &str) -> String {
    let both = format!("{}:{}", encode(id), encode(secret));
    format!("Basic {}", STANDARD.encode(both))
}

/// As in a form.
fn encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if is_plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_sent_encrypted_or_nowhere() {
        assert_eq!(check("https://a.com:1/t").unwrap(), "https://a.com:1/t");
        for loopback in ["http://localhost:1/t", "http://127.0.0.1/t", "http://[::1]:1/t"] {
            assert_eq!(check(loopback).unwrap(), loopback);
        }
        for wrong in [
            "http://a.com/t",
            "ftp://a.com",
            "a.com",
            "https:///t",
            "https://u:p@a.com",
            "https://a.com/?x",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        let error = check("https://u:hunter2@a.com/t?secret=hunter2").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn id_and_secret_are_encoded_before_they_are_joined() {
        assert_eq!(
            basic("a:b", "p%ä +"),
            format!("Basic {}", STANDARD.encode("a%3Ab:p%25%C3%A4+%2B"))
        );
    }
}
