use super::sasl::Sasl;
use crate::Kafka;
use milena_core::transport::{Gssapi, Secret, Tls, TokenProvider};
use std::{sync::Arc, time::Duration};

/// Who the client is, and whom it trusts. The protocol follows from that; an option that was [set](Self::set)
/// by hand has to agree.
impl Kafka {
    /// Encrypts all connections, with brokers whose certificate is trusted. Needs the feature `tls`.
    ///
    /// ```
    /// use milena_core::transport::{Pem, Tls};
    /// use milena_rdkafka::Kafka;
    ///
    /// let kafka = Kafka::new("broker:9093").tls(Tls::new().ca(Pem::file("/etc/kafka/ca.crt")));
    /// ```
    #[must_use]
    #[doc(alias = "ssl_context")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.options.security.tls = Some(tls);
        self
    }

    /// Shows a user and a password as they are (SASL's mechanism PLAIN). Without [`tls`](Self::tls) whoever
    /// sees the connection has the password, which is warned of.
    ///
    /// ```
    /// use milena_core::transport::Tls;
    /// use milena_rdkafka::Kafka;
    ///
    /// let password = std::env::var("KAFKA_PASSWORD").unwrap_or_default();
    /// let kafka = Kafka::new("broker:9093").tls(Tls::new()).sasl_plain("billing", password);
    /// ```
    #[must_use]
    #[doc(alias = "sasl_plain_username")]
    pub fn sasl_plain(self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.sasl(Sasl::Plain { user: user.into(), password: password.into() })
    }

    /// Proves that it knows a password, which is not sent (SASL's mechanism SCRAM-SHA-256). Needs the
    /// feature `tls`.
    #[must_use]
    pub fn scram_sha_256(self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.sasl(Sasl::ScramSha256 { user: user.into(), password: password.into() })
    }

    /// The same by SCRAM-SHA-512, which is the better one to take where both are there.
    #[must_use]
    pub fn scram_sha_512(self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.sasl(Sasl::ScramSha512 { user: user.into(), password: password.into() })
    }

    /// Shows a Kerberos ticket (SASL's mechanism GSSAPI). Needs the feature `gssapi`.
    #[must_use]
    #[doc(alias = "sasl_kerberos_service_name")]
    pub fn gssapi(self, gssapi: Gssapi) -> Self {
        self.sasl(Sasl::Gssapi(gssapi))
    }

    /// Shows tokens of this provider (SASL's mechanism OAUTHBEARER). Needs the feature `tls`.
    ///
    /// All clients of this value and its clones share a token. Each is replaced when 80 % of its time are
    /// over, on connections that are open, too (KIP-368). A provider that fails is called again after a
    /// second, and less and less often, up to every 30 s.
    #[must_use]
    #[doc(alias = "sasl_oauth_token_provider")]
    pub fn oauth(mut self, provider: impl TokenProvider) -> Self {
        self.options.security.provider = Some(Arc::new(provider));
        self.options.security.renew_tokens();
        self.sasl(Sasl::OauthBearer)
    }

    /// Shows tokens that a server gives out for an id and a secret (RFC 6749, 4.4). Needs the features
    /// `client-credentials` and `tls`.
    #[cfg(feature = "client-credentials")]
    #[must_use]
    pub fn client_credentials(self, credentials: crate::ClientCredentials) -> Self {
        self.oauth(credentials)
    }

    /// How long the provider of [`oauth`](Self::oauth) may take for a token; by default 10 s.
    #[must_use]
    pub fn token_timeout(mut self, time: Duration) -> Self {
        self.options.security.pace.timeout = time;
        self.options.security.renew_tokens();
        self
    }

    /// The share of its time after which a token is replaced, from 0.1 to 0.9; by default 0.8. Brokers end a
    /// connection together with its token.
    #[must_use]
    pub fn token_refresh_at(mut self, share: f64) -> Self {
        self.options.security.pace.refresh_at = share;
        self.options.security.renew_tokens();
        self
    }

    /// Whether a service ends when a broker, or who gives out tokens, refuses its credentials; by default it
    /// says so as a warning and goes on trying, since accounts are often made after services.
    #[must_use]
    pub fn stop_when_unauthorized(mut self, stops: bool) -> Self {
        self.options.security.stops = stops;
        self
    }

    /// Of two that say the same mechanism the later one counts.
    fn sasl(mut self, sasl: Sasl) -> Self {
        let all = &mut self.options.security.sasl;
        all.retain(|other| other.mechanism() != sasl.mechanism());
        all.push(sasl);
        self
    }
}
