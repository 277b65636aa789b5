use crate::error::config as refuse;
use milena_core::{
    error::Error,
    transport::{Gssapi, Secret},
};

/// How a client shows who it is.
#[derive(Clone, Debug)]
pub(super) enum Sasl {
    Plain { user: String, password: Secret },
    ScramSha256 { user: String, password: Secret },
    ScramSha512 { user: String, password: Secret },
    Gssapi(Gssapi),
    OauthBearer,
}

impl Sasl {
    /// As Kafka calls it.
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::ScramSha256 { .. } => "SCRAM-SHA-256",
            Self::ScramSha512 { .. } => "SCRAM-SHA-512",
            Self::Gssapi(_) => "GSSAPI",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }

    /// The method of `Kafka` that says so.
    pub(super) fn setter(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "sasl_plain",
            Self::ScramSha256 { .. } => "scram_sha_256",
            Self::ScramSha512 { .. } => "scram_sha_512",
            Self::Gssapi(_) => "gssapi",
            Self::OauthBearer => "oauth",
        }
    }

    pub(super) fn options(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let mut options = vec![("sasl.mechanisms", self.mechanism().to_owned())];
        match self {
            Self::Plain { user, password }
            | Self::ScramSha256 { user, password }
            | Self::ScramSha512 { user, password } => {
                for (part, text) in [("user", &**user), ("password", password.expose())] {
                    if text.is_empty() {
                        return Err(self.refuse(&format!("the {part} is empty")));
                    }
                    if text.contains('\0') {
                        return Err(self.refuse(&format!("the {part} has a null character")));
                    }
                }
                options.push(("sasl.username", user.clone()));
                options.push(("sasl.password", password.expose().to_owned()));
            }
            Self::Gssapi(gssapi) => options.extend(self.kerberos(gssapi)?),
            Self::OauthBearer => {}
        }
        Ok(options)
    }

    fn kerberos(&self, gssapi: &Gssapi) -> Result<Vec<(&'static str, String)>, Error> {
        if gssapi.domain_name.is_some() {
            let why = "the ticket is for the host that the broker advertises; let the broker advertise \
                       the name that its principal has";
            let option = "sasl_kerberos_domain_name";
            return Err(refuse(format!("could not use option `{option}`: {why}")));
        }
        if gssapi.service_name.is_empty() {
            return Err(self.refuse("the service name is empty"));
        }
        let mut options = vec![("sasl.kerberos.service.name", gssapi.service_name.clone())];
        if let Some(principal) = &gssapi.principal {
            self.check_shell("principal", principal)?;
            options.push(("sasl.kerberos.principal", principal.clone()));
        }
        match &gssapi.keytab {
            // Whoever keeps the tickets renews them.
            None => options.push(("sasl.kerberos.min.time.before.relogin", "0".into())),
            Some(path) => {
                let shown = path.display().to_string();
                self.check_shell("keytab", &shown)?;
                if let Err(error) = std::fs::File::open(path) {
                    return Err(self.refuse(&format!("keytab `{shown}`: {error}")));
                }
                options.push(("sasl.kerberos.keytab", shown));
            }
        }
        Ok(options)
    }

    /// librdkafka puts it into a command for a shell, in double quotes or in none.
    fn check_shell(&self, what: &str, text: &str) -> Result<(), Error> {
        let is_special = |c: char| c.is_whitespace() || "\"'`$\\;&|<>(){}*?!#~%".contains(c);
        match text.chars().find(|c| is_special(*c)) {
            Some(special) => {
                Err(self.refuse(&format!("the {what} has a {special:?}, which a shell would read")))
            }
            None if text.is_empty() => Err(self.refuse(&format!("the {what} is empty"))),
            None => Ok(()),
        }
    }

    fn refuse(&self, why: &str) -> Error {
        refuse(format!("could not use `Kafka::{}`: {why}", self.setter()))
    }
}
