/// The options that consumers and producers have alike.
///
/// It is a macro, so that each has methods of its own, and a chain of setters stays what it was.
macro_rules! client_options {
    ($config:ident) => {
        impl $config {
            /// What the broker's logs and metrics call this client (`client.id`); by default `milena`.
            #[must_use]
            pub fn client_id(self, id: impl Into<String>) -> Self {
                self.set("client.id", id)
            }

            /// Where this client is (`client.rack`), for a broker that lets one read from the nearest
            /// replica; by default nowhere.
            #[must_use]
            pub fn client_rack(self, rack: impl Into<String>) -> Self {
                self.set("client.rack", rack)
            }

            /// How long after a request that failed the next one is sent (`retry.backoff.ms`), which grows
            /// with each further failure to a second, or to this time if it is longer; by default 100 ms for a
            /// producer, and 700 ms for a consumer, which is longer than a fetch without records takes.
            #[must_use]
            pub fn retry_backoff(mut self, time: Duration) -> Self {
                self.options.set_millis("retry.backoff.ms", time);
                self.options.set_millis("retry.backoff.max.ms", time.max(Duration::from_secs(1)));
                self
            }

            /// How often the brokers, topics and partitions are asked for anew
            /// (`topic.metadata.refresh.interval.ms`); by default every 5 minutes. A change that makes
            /// itself felt, such as a new leader, is found out at once.
            #[must_use]
            #[doc(alias = "metadata_max_age_ms")]
            pub fn metadata_max_age(mut self, time: Duration) -> Self {
                self.options.set_millis("topic.metadata.refresh.interval.ms", time);
                self
            }

            /// How long a connection is kept that nobody uses (`connections.max.idle.ms`); zero is for ever.
            ///
            /// The documents say 9 minutes. Milena leaves it to the broker, which closes it after 10 minutes
            /// by default: the connection is opened again when it is needed, and on Azure, where such
            /// connections break in silence, librdkafka closes them in time by itself.
            #[must_use]
            #[doc(alias = "connections_max_idle_ms")]
            pub fn connections_max_idle(mut self, time: Duration) -> Self {
                self.options.set_millis("connections.max.idle.ms", time);
                self
            }

            /// Refused: each broker is asked for its versions. `auto`, which says so, is the only value.
            #[must_use]
            pub fn api_version(mut self, version: &str) -> Self {
                if version != "auto" {
                    let why = "each broker is asked for the versions that it has; leave it out";
                    self.options.refuse("api_version", why);
                }
                self
            }

            /// Sets an option by the name that librdkafka has for it; of two values the later one counts.
            ///
            /// It is the way to what has no method here. What Milena's guarantees stand on is refused by
            /// [`validate`](Self::validate), as if it had one.
            #[must_use]
            pub fn set(mut self, option: impl Into<String>, value: impl Into<String>) -> Self {
                self.options.set(option, value);
                self
            }

            /// The options in the order in which they were set, by the names that librdkafka has for them.
            pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
                self.options.iter()
            }

            /// The value of an option, by any of its names: the one that was set last.
            pub fn get(&self, option: &str) -> Option<&str> {
                self.options.get(option)
            }
        }
    };
}

pub(super) use client_options;
