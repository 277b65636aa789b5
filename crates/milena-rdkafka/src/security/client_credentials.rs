use crate::{error::config as refuse, offload::offload};
use milena_core::{
    error::{BoxError, Error, ErrorKind},
    transport::{Pem, Secret, Token, TokenProvider},
};
use std::{
    fmt, fs,
    time::{Duration, SystemTime},
};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

mod answer;
mod url;

/// How long the server may take, which the driver bounds, too.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Tokens that a server gives out for an id and a secret: the client credentials flow of OAuth 2 (RFC 6749, 4.4).
///
/// ```
/// use milena_rdkafka::{ClientCredentials, Kafka};
///
/// let secret = std::env::var("CLIENT_SECRET").unwrap_or_default();
/// let credentials = ClientCredentials::new("https://issuer.example.com/token", "billing", secret)
///     .scope("kafka")
///     .audience("kafka");
/// let kafka = Kafka::new("broker:9093").client_credentials(credentials);
/// ```
///
/// What comes back is read as a JSON Web Token, or, if it is none, is valid for as long as `expires_in`
/// says. The variables `HTTPS_PROXY` and `NO_PROXY` count; redirects are not followed.
#[derive(Clone)]
pub struct ClientCredentials {
    url: String,
    id: String,
    secret: Secret,
    scope: Option<String>,
    audience: Option<String>,
    parameters: Vec<(String, Secret)>,
    ca: Option<Pem>,
    in_body: bool,
}

impl ClientCredentials {
    /// Asks for tokens at this URL, as this client. The URL begins with `https://`; `http://` is for this
    /// machine alone.
    pub fn new(
        token_url: impl Into<String>,
        id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self {
            url: token_url.into(),
            id: id.into(),
            secret: secret.into(),
            scope: None,
            audience: None,
            parameters: Vec::new(),
            ca: None,
            in_body: false,
        }
    }

    /// What the token is to allow, several with spaces between them.
    #[must_use]
    pub fn scope(self, scope: impl Into<String>) -> Self {
        Self { scope: Some(scope.into()), ..self }
    }

    /// Whom the token is for.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        Self { audience: Some(audience.into()), ..self }
    }

    /// Sends one more parameter in the body, as `resource` for some servers. A query of the URL is refused in
    /// its favour, since URLs are logged on the way.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The authorities that the server's certificate has to be of; by default those that the system trusts.
    #[must_use]
    pub fn ca(self, certificates: Pem) -> Self {
        Self { ca: Some(certificates), ..self }
    }

    /// Sends id and secret as `client_id` and `client_secret` in the body, for servers that do not take them
    /// as a header.
    #[must_use]
    pub fn in_body(self) -> Self {
        Self { in_body: true, ..self }
    }

    fn agent(&self) -> Result<Agent, Error> {
        let roots = match &self.ca {
            None => RootCerts::PlatformVerifier,
            Some(pem) => RootCerts::from(certificates(pem)?),
        };
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(config.build().into())
    }

    /// Asks the server, and waits.
    fn ask(&self) -> Result<Token, Error> {
        let shown = url::check(&self.url)?;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(self.audience.as_deref().map(|audience| ("audience", audience)));
        form.extend(self.parameters.iter().map(|(name, value)| (&**name, value.expose())));
        let mut request = self.agent()?.post(&self.url).header("Accept", "application/json");
        if self.in_body {
            form.extend([("client_id", &*self.id), ("client_secret", self.secret.expose())]);
        } else {
            request = request.header("Authorization", url::basic(&self.id, self.secret.expose()));
        }
        let asked = SystemTime::now();
        let failed = |cause: &ureq::Error| {
            let message = format!("could not ask `{shown}`: {}", self.mask(&cause.to_string()));
            Error::new(ErrorKind::Unreachable, message)
        };
        let mut response = request.send_form(form).map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_string().map_err(|error| failed(&error))?;
        answer::read(status, &body, asked)
            .map(|token| match token.principal.is_empty() {
                true => token.principal(&self.id),
                false => token,
            })
            .map_err(|(kind, why)| Error::new(kind, format!("`{shown}` {}", self.mask(&why))))
    }

    /// Whatever a server says of the secret is not passed on.
    fn mask(&self, text: &str) -> String {
        match self.secret.expose() {
            // It would only be found in words that are none of it.
            short if short.len() < 4 => text.to_owned(),
            secret => text.replace(secret, "..."),
        }
    }
}

impl TokenProvider for ClientCredentials {
    async fn token(&self) -> Result<Token, BoxError> {
        let this = self.clone();
        let answer = offload("kafka-token-http", move || this.ask()).await;
        Ok(answer.ok_or("there was no thread to ask for it")??)
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("url", &url::shown(&self.url))
            .field("id", &self.id)
            .field("scope", &self.scope)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn certificates(pem: &Pem) -> Result<Vec<Certificate<'static>>, Error> {
    let wrong =
        |why: &dyn fmt::Display| refuse(format!("could not use `ClientCredentials::ca`: {why}"));
    let text = match pem {
        Pem::File(path) => fs::read(path)
            .map_err(|error| wrong(&format_args!("file `{}`: {error}", path.display())))?,
        Pem::Text(text) => text.expose().as_bytes().to_owned(),
        _ => return Err(wrong(&"the driver does not know where it is")),
    };
    let certificates: Vec<_> = ureq::tls::parse_pem(&text)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err(wrong(&"it has no certificate in the format PEM")),
        false => Ok(certificates),
    }
}
