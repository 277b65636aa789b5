use crate::native::Messages;
use bytes::Bytes;
use milena_core::record::{Headers, Records, Timestamp};

/// What librdkafka keeps beside the bytes of a message, about.
const OVERHEAD: usize = 400;

/// Records are read where librdkafka put them; nothing is copied but headers that are asked for.
impl Records for Messages {
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn offset(&self, index: usize) -> i64 {
        self.as_slice()[index].offset()
    }

    fn timestamp(&self, index: usize) -> Timestamp {
        self.as_slice()[index].timestamp()
    }

    fn key(&self, index: usize) -> Option<&[u8]> {
        self.as_slice()[index].key()
    }

    fn value(&self, index: usize) -> Option<&[u8]> {
        self.prefetch(index + 2);
        self.as_slice()[index].value()
    }

    fn headers(&self, index: usize) -> Headers {
        Self::headers(self, index)
    }

    fn header(&self, index: usize, name: &str) -> Option<Bytes> {
        Self::header(self, index, name)
    }

    fn bytes(&self) -> usize {
        self.size() + OVERHEAD * self.as_slice().len()
    }
}
