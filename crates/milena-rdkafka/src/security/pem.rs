use crate::error::config as refuse;
use milena_core::{
    error::Error,
    transport::{Pem, Tls},
};
use std::fs;

/// The options for TLS. What can be seen to be wrong is refused here, where it can be said what it is.
pub(super) fn options(tls: &Tls) -> Result<Vec<(&'static str, String)>, Error> {
    let mut options = Vec::new();
    if let Some(ca) = &tls.ca {
        read("ca", ca, CERTIFICATE)?;
        options.push(option(ca, "ssl.ca.location", "ssl.ca.pem"));
    }
    match (&tls.certificate, &tls.key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            read("certificate", certificate, CERTIFICATE)?;
            check_key(tls, &read("key", key, KEY)?)?;
            options.push(option(certificate, "ssl.certificate.location", "ssl.certificate.pem"));
            options.push(option(key, "ssl.key.location", "ssl.key.pem"));
        }
        (Some(_), None) => return Err(wrong("certificate", "it needs a `Tls::key`")),
        (None, Some(_)) => return Err(wrong("key", "it needs a `Tls::certificate`")),
    }
    match (&tls.key, &tls.key_password) {
        (None, Some(_)) => return Err(wrong("key_password", "there is no `Tls::key`")),
        (_, Some(password)) if password.expose().contains('\0') => {
            return Err(wrong("key_password", "it has a null character"));
        }
        (_, Some(password)) => options.push(("ssl.key.password", password.expose().to_owned())),
        (_, None) => {}
    }
    Ok(options)
}

const CERTIFICATE: &str = "CERTIFICATE-----";
const KEY: &str = "PRIVATE KEY-----";

fn option(pem: &Pem, location: &'static str, text: &'static str) -> (&'static str, String) {
    match pem {
        Pem::File(path) => (location, path.display().to_string()),
        // librdkafka takes a line behind the last one for a certificate that is broken.
        Pem::Text(pem) => (text, pem.expose().trim().to_owned()),
        _ => (text, String::new()),
    }
}

/// The text, which has to have such a block.
fn read(part: &str, pem: &Pem, block: &str) -> Result<String, Error> {
    let (text, shown) = match pem {
        Pem::File(path) => {
            let shown = format!("file `{}`", path.display());
            // Authorities may be a folder.
            if path.is_dir() && part == "ca" {
                return Ok(String::new());
            }
            let bytes =
                fs::read(path).map_err(|error| wrong(part, &format!("{shown}: {error}")))?;
            (String::from_utf8_lossy(&bytes).into_owned(), shown)
        }
        Pem::Text(text) => (text.expose().to_owned(), "the text".to_owned()),
        _ => return Err(wrong(part, "the driver does not know where it is")),
    };
    let has_block = text.lines().any(|line| {
        line.strip_prefix("-----BEGIN ").is_some_and(|rest| rest.trim_end().ends_with(block))
    });
    if has_block && text.contains('\0') {
        return Err(wrong(part, &format!("{shown} has a null character")));
    }
    if has_block {
        return Ok(text);
    }
    let is = if block == KEY { "private key" } else { "certificate" };
    Err(wrong(part, &format!("{shown} has no {is} in the format PEM")))
}

fn check_key(tls: &Tls, text: &str) -> Result<(), Error> {
    let is_encrypted =
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
    match (is_encrypted, &tls.key_password) {
        (true, None) => Err(wrong("key", "it is encrypted and needs a `Tls::key_password`")),
        (false, Some(_)) => Err(wrong("key_password", "the key is not encrypted")),
        _ => Ok(()),
    }
}

fn wrong(part: &str, why: &str) -> Error {
    refuse(format!("could not use `Tls::{part}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::often;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
    const ENCRYPTED: &str =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";

    #[track_caller]
    fn check_refused(tls: &Tls, why: &str) {
        assert_eq!(options(tls).unwrap_err().to_string(), format!("could not use {why}"));
    }

    #[test]
    fn any_text_becomes_an_option_that_librdkafka_can_take_or_is_refused_and_not_shown() {
        const PARTS: [&str; 8] = [
            CERTIFICATE,
            KEY,
            ENCRYPTED,
            "-----BEGIN ",
            "CERTIFICATE-----",
            "PRIVATE KEY-----\n",
            "Proc-Type: 4,ENCRYPTED\n",
            "hunter2",
        ];
        often(5000, |random| {
            let [ca, certificate, key] = [(); 3].map(|()| random.text(&PARTS));
            let mut tls = Tls::new();
            if random.below(2) == 0 {
                tls = tls.ca(Pem::text(ca));
            }
            if random.below(4) > 0 {
                tls = tls.certificate(Pem::text(certificate)).key(Pem::text(key));
            }
            if random.below(2) == 0 {
                tls = tls.key_password(random.text(&["hunter2", ""]));
            }
            match options(&tls) {
                // What goes to C ends at a null character.
                Ok(options) => assert!(options.iter().all(|(_, value)| !value.contains('\0'))),
                Err(error) => assert!(!error.to_string().contains("hunter2"), "{error}"),
            }
        });
    }

    #[test]
    fn a_password_that_c_would_take_for_a_shorter_one_is_refused() {
        let tls = with_key(ENCRYPTED).key_password("hunter\u{0}2");
        check_refused(&tls, "`Tls::key_password`: it has a null character");
    }

    fn with_key(key: &str) -> Tls {
        Tls::new().certificate(Pem::text(CERTIFICATE)).key(Pem::text(key))
    }

    #[test]
    fn what_is_in_memory_and_in_files_becomes_options() {
        let tls = with_key(ENCRYPTED).ca(Pem::text(CERTIFICATE)).key_password("word");
        let names: Vec<_> = options(&tls).unwrap().into_iter().map(|(name, _)| name).collect();

        let expected = ["ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "ssl.key.password"];
        assert_eq!(names, expected);
        assert_eq!(options(&Tls::new()).unwrap(), []);
    }

    #[test]
    fn what_can_be_seen_to_be_wrong_is_refused_by_the_name_of_its_setter() {
        let ca = |pem| Tls::new().ca(pem);
        check_refused(
            &ca(Pem::file("/nowhere/ca.crt")),
            "`Tls::ca`: file `/nowhere/ca.crt`: No such file or directory (os error 2)",
        );
        check_refused(
            &ca(Pem::text("ca")),
            "`Tls::ca`: the text has no certificate in the format PEM",
        );
        check_refused(
            &ca(Pem::text(KEY)),
            "`Tls::ca`: the text has no certificate in the format PEM",
        );
        check_refused(
            &with_key(CERTIFICATE),
            "`Tls::key`: the text has no private key in the format PEM",
        );
        check_refused(
            &Tls::new().certificate(Pem::text(CERTIFICATE)),
            "`Tls::certificate`: it needs a `Tls::key`",
        );
        check_refused(&Tls::new().key(Pem::text(KEY)), "`Tls::key`: it needs a `Tls::certificate`");
        check_refused(
            &with_key(ENCRYPTED),
            "`Tls::key`: it is encrypted and needs a `Tls::key_password`",
        );
        check_refused(
            &with_key(KEY).key_password("word"),
            "`Tls::key_password`: the key is not encrypted",
        );
        check_refused(
            &Tls::new().key_password("word"),
            "`Tls::key_password`: there is no `Tls::key`",
        );
    }
}
