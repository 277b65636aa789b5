use milena_core::{error::ErrorKind, transport::Token};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<f64>,
    error: Option<String>,
    error_description: Option<String>,
}

/// The token in the answer of a server that was asked then; or what it answered in its place.
pub(super) fn read(
    status: u16,
    body: &str,
    asked: SystemTime,
) -> Result<Token, (ErrorKind, String)> {
    let answer: Result<Answer, _> = serde_json::from_str(body);
    if status != 200 {
        let kind = match status {
            400 | 401 | 403 => ErrorKind::Unauthorized,
            _ => ErrorKind::Unreachable,
        };
        let why = answer.ok().and_then(|answer| {
            let error = answer.error?;
            let description = answer.error_description.map(|text| format!(": {text}"));
            Some(format!(" ({error}{})", description.unwrap_or_default()))
        });
        return Err((kind, format!("answered {status}{}", why.unwrap_or_default())));
    }
    let unfit = |why: &str| Err((ErrorKind::Unreachable, format!("gave no token: {why}")));
    let Ok(answer) = answer else { return unfit("its answer is not JSON") };
    let Some(text) = answer.access_token else { return unfit("there is no `access_token`") };
    let jwt = Token::jwt(&*text);
    match (jwt, answer.expires_in) {
        (Ok(token), _) => Ok(token),
        (Err(_), Some(seconds)) if !is_jwt(&text) => {
            let lifetime = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            let token = Token::new(text, asked + lifetime);
            token.validate().map_err(|error| (error.kind(), format!("gave a token: {error}")))?;
            Ok(token)
        }
        (Err(error), _) => Err((error.kind(), format!("gave a token: {error}"))),
    }
}

/// Whether it was meant to be read.
fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::often;

    #[test]
    fn any_answer_is_a_token_that_is_valid_or_is_refused() {
        const PARTS: [&str; 14] = [
            "{",
            "}",
            "\"access_token\":",
            "\"abc\"",
            "\"expires_in\":",
            "60",
            "1e999",
            "-1",
            ",",
            "NaN",
            "\"error\":",
            "\"error_description\":",
            "\"eyJ.e30.x\"",
            r#"{"access_token":"abc","expires_in":6"#,
        ];
        often(20_000, |random| {
            let (body, status) = (random.text(&PARTS), random.one(&[200, 200, 200, 401, 503, 0]));
            if let Ok(token) = read(status, &body, SystemTime::now()) {
                assert_eq!(status, 200);
                assert!(token.validate().is_ok(), "{body:?}");
            }
        });
    }

    fn check_refused(status: u16, body: &str, kind: ErrorKind, why: &str) {
        let refused = read(status, body, SystemTime::now()).unwrap_err();
        assert_eq!(refused, (kind, why.to_owned()));
    }

    #[test]
    fn a_token_that_cannot_be_read_is_valid_as_long_as_the_server_says() {
        let asked = SystemTime::now();
        let token = read(200, r#"{"access_token":"abc","expires_in":60}"#, asked).unwrap();

        assert_eq!(token.expires_at, asked + Duration::from_secs(60));
        assert_eq!(token.value.expose(), "abc");
    }

    #[test]
    fn what_is_no_token_is_told() {
        use ErrorKind::{Unauthorized, Unreachable};
        let refused = r#"{"error":"invalid_client","error_description":"unknown"}"#;
        check_refused(401, refused, Unauthorized, "answered 401 (invalid_client: unknown)");
        check_refused(
            400,
            r#"{"error":"invalid_scope"}"#,
            Unauthorized,
            "answered 400 (invalid_scope)",
        );
        check_refused(503, "busy", Unreachable, "answered 503");
        check_refused(302, "", Unreachable, "answered 302");
        check_refused(200, "<html>", Unreachable, "gave no token: its answer is not JSON");
        check_refused(200, "{}", Unreachable, "gave no token: there is no `access_token`");
        check_refused(
            200,
            r#"{"access_token":"abc"}"#,
            Unauthorized,
            "gave a token: could not use a token: it has not the three parts of a JSON Web Token",
        );
        check_refused(
            200,
            r#"{"access_token":"","expires_in":60}"#,
            Unauthorized,
            "gave a token: could not use a token: it is empty",
        );
    }
}
