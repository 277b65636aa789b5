//! As much of Kafka's protocol as is needed: where a request and an answer end, and which belong together.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What is asked for, by its number.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Api(i16);

impl Api {
    pub(super) const PRODUCE: Self = Self(0);
    pub(super) const OFFSET_COMMIT: Self = Self(8);
    pub(super) const JOIN_GROUP: Self = Self(11);
    /// The begin of a session of transactions.
    pub(super) const INIT_PRODUCER_ID: Self = Self(22);
    /// The same of a producer that has none, which Kafka calls by the same number.
    const INIT_PLAIN_PRODUCER: Self = Self(-22);
    pub(super) const ADD_PARTITIONS: Self = Self(24);
    pub(super) const ADD_OFFSETS: Self = Self(25);
    pub(super) const END_TRANSACTION: Self = Self(26);
    pub(super) const TRANSACTION_OFFSETS: Self = Self(28);
}

/// A request or an answer, with its length before it.
pub(super) struct Frame(pub(super) Vec<u8>);

impl Frame {
    /// The next one.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut frame = vec![0; 4];
        from.read_exact(&mut frame).await?;
        let length = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
        frame.resize(4 + length, 0);
        from.read_exact(&mut frame[4..]).await?;
        Ok(Self(frame))
    }

    /// What this request asks for.
    pub(super) fn api(&self) -> Api {
        match Api(self.i16_at(4)) {
            Api::INIT_PRODUCER_ID if !self.has_id() => Api::INIT_PLAIN_PRODUCER,
            api => api,
        }
    }

    /// Whether this request of a producer names its transactional id: behind the name of the client and a byte for tags.
    fn has_id(&self) -> bool {
        assert!(self.i16_at(6) >= 2, "versions before have no tags");
        let name = usize::try_from(self.i16_at(12)).unwrap_or_default();
        self.0[14 + name + 1] > 0
    }

    /// The number of this request.
    pub(super) fn number(&self) -> i32 {
        self.i32_at(8)
    }

    /// The number of the request that this answers.
    pub(super) fn answers(&self) -> i32 {
        self.i32_at(4)
    }

    /// The code in this answer to the end of a transaction, behind the time to throttle.
    pub(super) fn code(&self) -> i16 {
        self.i16_at(12)
    }

    fn i16_at(&self, at: usize) -> i16 {
        i16::from_be_bytes(self.0[at..at + 2].try_into().unwrap())
    }

    fn i32_at(&self, at: usize) -> i32 {
        i32::from_be_bytes(self.0[at..at + 4].try_into().unwrap())
    }
}
