use super::Reset;

/// What the client of a consumer is configured with, beside what its membership says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerConfig {
    options: Vec<(String, String)>,
    reset: Option<Reset>,
}

impl ConsumerConfig {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option by the name that librdkafka has for it; of two values the later one counts.
    #[must_use]
    pub fn set(mut self, option: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((option.into(), value.into()));
        self
    }

    /// What happens when the offset to go on from is not there, and where a new group begins if the
    /// router does not say.
    #[must_use]
    pub fn auto_offset_reset(self, reset: Reset) -> Self {
        Self { reset: Some(reset), ..self }
    }

    /// The reset policy, if it was set.
    pub fn reset(&self) -> Option<Reset> {
        self.reset
    }

    /// The options in the order in which they were set, by the names that librdkafka has for them.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(option, value)| (option.as_str(), value.as_str()))
    }

    /// The value of an option: the one that was set last.
    pub fn get(&self, option: &str) -> Option<&str> {
        self.options().filter(|(name, _)| *name == option).last().map(|(_, value)| value)
    }
}

/// What the client of a producer is configured with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerConfig {
    options: Vec<(String, String)>,
}

impl ProducerConfig {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option by the name that librdkafka has for it; of two values the later one counts.
    #[must_use]
    pub fn set(mut self, option: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((option.into(), value.into()));
        self
    }

    /// The options in the order in which they were set, by the names that librdkafka has for them.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(option, value)| (option.as_str(), value.as_str()))
    }
}
