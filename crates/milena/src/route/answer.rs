use bytes::Bytes;
use milena_core::{
    record::names,
    reply::{ProducerRecord, Publish, publish},
};

/// No error text is longer than this in the header of an answer.
const LONGEST_TEXT: usize = 1_000;

/// That a record asks for an answer, and where.
pub(crate) struct Asked {
    to: Publish,
    partition: Option<i32>,
    id: Option<Bytes>,
}

impl Asked {
    /// What the headers of a record ask for.
    pub(crate) fn by(header: impl Fn(&str) -> Option<Bytes>) -> Option<Self> {
        let topic = header(names::REPLY_TO)?;
        let partition = header(names::REPLY_PARTITION);
        let partition = partition.and_then(|bytes| str::from_utf8(&bytes).ok()?.parse().ok());
        let id = header(names::CORRELATION_ID);
        Some(Self { to: publish(&*String::from_utf8_lossy(&topic)), partition, id })
    }

    /// The answer that this record, which was written for anywhere, is.
    pub(crate) fn answer(&self, record: ProducerRecord) -> ProducerRecord {
        let mut answer = self.to.complete(record);
        answer.topic = self.to.topic().clone();
        // A handler does not know which partition the asker reads.
        answer.partition = self.partition.or(answer.partition);
        if let Some(id) = &self.id {
            answer.headers.push(names::CORRELATION_ID, id.clone());
        }
        answer.answer = true;
        answer
    }

    /// The answer that there is no value to answer with.
    pub(crate) fn nothing(&self) -> ProducerRecord {
        self.answer(Publish::anywhere().record())
    }

    /// The answer that the record failed.
    pub(crate) fn failure(&self, why: &str) -> ProducerRecord {
        let why = &why[..why.floor_char_boundary(LONGEST_TEXT)];
        self.nothing().header(names::ERROR, why)
    }
}

/// Whether a topic can have this name.
pub(crate) fn is_topic_name(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name.bytes().all(is_legal) && name != "." && name != ".."
}
