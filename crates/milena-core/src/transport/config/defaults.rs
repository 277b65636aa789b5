//! Milena's defaults, where they are not librdkafka's or have to stay as they are whatever becomes of those.

/// What every client has.
const CLIENT: [(&str, &str); 2] = [
    ("client.id", "milena"),
    // A broker that was away is found again as soon as by Java's client.
    ("reconnect.backoff.max.ms", "1000"),
];

const CONSUMER: [(&str, &str); 6] = [
    ("check.crcs", "true"),
    ("isolation.level", "read_committed"),
    ("max.poll.interval.ms", "300000"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    // A partition waits in the client with so much at most, and one answer of a broker has no more.
    ("queued.max.messages.kbytes", "8192"),
    ("session.timeout.ms", "45000"),
];

const PRODUCER: [(&str, &str); 9] = [
    ("batch.size", "1000000"),
    ("enable.idempotence", "true"),
    ("queue.buffering.max.ms", "5"),
    // What is too large is for the broker to say, which has a limit for each topic.
    ("message.max.bytes", "10485760"),
    // A record is given up only when the broker refused it, so what failed was never written.
    ("message.timeout.ms", "0"),
    ("partitioner", "murmur2_random"),
    ("request.required.acks", "all"),
    ("request.timeout.ms", "30000"),
    // Records without a key go to a partition each, not all to one for a while.
    ("sticky.partitioning.linger.ms", "0"),
];

/// What librdkafka has, for the checks: these are not set, so that it can adapt them.
const OF_LIBRDKAFKA: [(&str, &str); 5] = [
    // As it comes out of `queued.max.messages.kbytes` above.
    ("fetch.max.bytes", "8388608"),
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "500"),
    ("message.max.bytes", "1000000"),
    ("socket.timeout.ms", "60000"),
];

pub(super) fn consumer() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLIENT.into_iter().chain(CONSUMER)
}

pub(super) fn producer() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLIENT.into_iter().chain(PRODUCER)
}

/// What a consumer has for an option that was not set, as far as it matters here.
pub(super) fn of_consumer(option: &str) -> Option<&'static str> {
    consumer().chain(OF_LIBRDKAFKA).find(|(name, _)| *name == option).map(|(_, value)| value)
}

/// Names of librdkafka for the same option.
pub(super) const ALIASES: [(&str, &str); 12] = [
    ("bootstrap.servers", "metadata.broker.list"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("retries", "message.send.max.retries"),
    ("compression.type", "compression.codec"),
    ("acks", "request.required.acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("enable.auto.commit", "auto.commit.enable"),
];
