/// Which records of transactions a consumer reads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IsolationLevel {
    /// Those of transactions that were committed, and all that are in none.
    #[default]
    ReadCommitted,
    /// All of them, also those that were taken back.
    ReadUncommitted,
}

/// How the members of a classic group share the partitions. All members have one in common, or the
/// group cannot form. A strategy of one's own is not possible: librdkafka has these.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Assignment {
    /// Evenly, and with as few changes as possible: what stays with a member is read on during a rebalance.
    #[default]
    CooperativeSticky,
    /// By ranges: partitions of the same number in several topics go to the same member. Every rebalance
    /// takes everything away at first.
    Range,
    /// One by one, all topics together. Every rebalance takes everything away at first.
    RoundRobin,
}

/// How the members of a group agree on who reads what.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GroupProtocol {
    /// The members do, as ever.
    #[default]
    Classic,
    /// The broker does (KIP-848), from Kafka 4.0 on. It also decides about session time-outs and heartbeats.
    Consumer,
}

/// How the batches of a producer are compressed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip.
    Gzip,
    /// With Snappy.
    Snappy,
    /// With LZ4.
    Lz4,
    /// With Zstandard, for which the driver needs the feature `zstd`.
    Zstd,
}

/// How many replicas have a record when it counts as written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Acks {
    /// All that are in sync.
    #[default]
    All,
    /// The leader, which can be lost with it. Refused.
    Leader,
    /// Nobody says. Refused.
    None,
}

/// How a producer chooses the partition of a record that names none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Partitioner {
    /// By the murmur2 hash of the key, as Java's producer does; any partition for a null key.
    #[default]
    Murmur2Random,
    /// By the murmur2 hash of the key; all null keys have the same partition.
    Murmur2,
    /// By the CRC32 of the key, as librdkafka does by itself; any partition for an empty or null key.
    ConsistentRandom,
    /// By the CRC32 of the key; all empty and null keys have the same partition.
    Consistent,
    /// By the FNV-1a hash of the key, as Go's Sarama does; any partition for a null key.
    Fnv1aRandom,
    /// By the FNV-1a hash of the key; all null keys have the same partition.
    Fnv1a,
    /// Any partition, whatever the key: records of one key have no order.
    Random,
}

macro_rules! names {
    ($($type:ident { $($variant:ident => $name:literal,)* })*) => {$(
        impl $type {
            /// As librdkafka has it.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    )*};
}

names! {
    IsolationLevel {
        ReadCommitted => "read_committed",
        ReadUncommitted => "read_uncommitted",
    }
    Assignment {
        CooperativeSticky => "cooperative-sticky",
        Range => "range",
        RoundRobin => "roundrobin",
    }
    GroupProtocol {
        Classic => "classic",
        Consumer => "consumer",
    }
    Compression {
        None => "none",
        Gzip => "gzip",
        Snappy => "snappy",
        Lz4 => "lz4",
        Zstd => "zstd",
    }
    Acks {
        All => "all",
        Leader => "1",
        None => "0",
    }
    Partitioner {
        Murmur2Random => "murmur2_random",
        Murmur2 => "murmur2",
        ConsistentRandom => "consistent_random",
        Consistent => "consistent",
        Fnv1aRandom => "fnv1a_random",
        Fnv1a => "fnv1a",
        Random => "random",
    }
}
