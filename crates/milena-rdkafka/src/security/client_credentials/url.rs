use crate::error::config as refuse;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use milena_core::error::Error;

/// The URL without what may be a secret in it.
pub(super) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let query = rest.find(['?', '#']).unwrap_or(rest.len());
    // A password can have any of these characters in it, and a query an `@`.
    match rest.rfind('@') {
        None => format!("{scheme}://{}", &rest[..query]),
        Some(_) if !["http", "https"].contains(&scheme) => "...".to_owned(),
        Some(at) if at > query => format!("{scheme}://..."),
        Some(at) => format!("{scheme}://{}", &rest[at + 1..query]),
    }
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
    use crate::random::often;

    #[test]
    fn no_url_shows_what_may_be_a_secret() {
        const PARTS: [&str; 12] = [
            "https://",
            "http://",
            "a.com",
            "/",
            ":",
            "@",
            "?",
            "#",
            "[::1]",
            "localhost",
            "u:",
            ":1",
        ];
        often(20_000, |random| {
            let (before, behind) = (random.text(&PARTS), random.text(&PARTS));
            for url in [
                format!("{before}hunter2{behind}@a.com/t"),
                format!("https://a.com/{before}?{behind}hunter2"),
            ] {
                assert!(!shown(&url).contains("hunter2"), "{url:?}: {}", shown(&url));
                if let Err(error) = check(&url) {
                    assert!(!error.to_string().contains("hunter2"), "{url:?}: {error}");
                }
            }
            let url = random.text(&PARTS);
            if check(&url).is_ok() && !url.starts_with("https://") {
                let host = url.strip_prefix("http://").unwrap();
                let near = ["localhost", "127.", "[::1]"].iter().any(|it| host.starts_with(it));
                assert!(near, "{url:?} would get the secret as it is");
            }
        });
    }

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
