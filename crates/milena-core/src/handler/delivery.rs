use crate::{error::BoxError, record::Record};
use std::{
    any::Any,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What one call of a handler gets: a record, or the records of a batch. Never empty.
///
/// It is the request of the `tower` services that layers wrap.
#[derive(Clone)]
pub struct Delivery {
    first: Record,
    /// Shared, because layers clone a delivery to call again.
    rest: Option<Arc<[Record]>>,
    refused: Arc<Refused>,
}

/// Records of a batch that an extractor refused, each with the reason.
type Refused = Mutex<Vec<(usize, BoxError)>>;

impl Delivery {
    /// These records, which are one call's.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn batch(records: impl IntoIterator<Item = Record>) -> Self {
        let mut records = records.into_iter();
        #[expect(clippy::expect_used, reason = "an empty delivery is the caller's mistake")]
        let first = records.next().expect("a delivery has at least one record");
        Self { first, rest: Some(records.collect()), refused: Arc::default() }
    }

    /// The only record, or the first of the batch.
    pub fn first(&self) -> &Record {
        &self.first
    }

    /// All records, in the order in which they were read.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        std::iter::once(&self.first).chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    /// The same delivery with each record as `change` gives it back, for what is further in.
    ///
    /// ```
    /// # use milena_core::{Delivery, Headers, Record};
    /// fn without_headers(delivery: Delivery) -> Delivery {
    ///     delivery.map_records(|record| record.with_headers(Headers::new()))
    /// }
    /// ```
    #[must_use]
    pub fn map_records(self, mut change: impl FnMut(Record) -> Record) -> Self {
        match self.try_map_records(|record| Ok::<_, Infallible>(change(record))) {
            Ok(delivery) => delivery,
            Err(never) => match never {},
        }
    }

    /// The same, up to the first record that cannot be changed.
    ///
    /// # Errors
    ///
    /// That of `change`.
    pub fn try_map_records<E>(
        self,
        mut change: impl FnMut(Record) -> Result<Record, E>,
    ) -> Result<Self, E> {
        let first = change(self.first)?;
        let rest = self.rest.map(|rest| rest.iter().cloned().map(change).collect()).transpose()?;
        Ok(Self { first, rest, refused: self.refused })
    }

    /// The same delivery with this value beside each record, where [`Extension`] finds it.
    ///
    /// [`Extension`]: crate::extract::Extension
    #[must_use]
    pub fn with_extension<T: Send + Sync + 'static>(self, value: T) -> Self {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        self.map_records(|record| record.with_shared(value.clone()))
    }

    /// How many records there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a delivery is never empty")]
    pub fn len(&self) -> usize {
        1 + self.rest.as_ref().map_or(0, |rest| rest.len())
    }

    /// Whether it is for a handler that takes batches, be it one of a single record.
    pub fn is_batch(&self) -> bool {
        self.rest.is_some()
    }

    /// The same delivery with what `map` makes of each record. In a batch, a record for which that fails is
    /// [refused](Self::refuse) and keeps its place; `None` when that leaves nothing.
    ///
    /// # Errors
    ///
    /// Why the only record could not be mapped.
    pub fn map_or_refuse(
        self,
        mut map: impl FnMut(Record) -> Result<Record, BoxError>,
    ) -> Result<Option<Self>, BoxError> {
        let Some(rest) = &self.rest else {
            return Ok(Some(Self { first: map(self.first)?, ..self }));
        };
        let (gone, mut left) = (self.refused_so_far(), false);
        let mut mapped = |(index, record): (usize, &Record)| {
            if gone.contains(&index) {
                return record.clone();
            }
            map(record.clone()).inspect(|_| left = true).unwrap_or_else(|why| {
                self.refuse(index, why);
                record.clone()
            })
        };
        let first = mapped((0, &self.first));
        let rest = (1..).zip(rest.iter()).map(mapped).collect();
        Ok(left.then_some(Self { first, rest: Some(rest), refused: self.refused }))
    }

    /// The places of the records that were taken out of the batch so far.
    pub fn refused_so_far(&self) -> Vec<usize> {
        self.refused().iter().map(|(index, _)| *index).collect()
    }

    /// Takes the record at `index` out of the batch: it fails alone, and the handler gets the rest.
    pub fn refuse(&self, index: usize, why: BoxError) {
        self.refused().push((index, why));
    }

    /// The records refused so far, which are then forgotten.
    pub fn take_refused(&self) -> Vec<(usize, BoxError)> {
        std::mem::take(&mut self.refused())
    }

    fn refused(&self) -> MutexGuard<'_, Vec<(usize, BoxError)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Record> for Delivery {
    fn from(record: Record) -> Self {
        Self { first: record, rest: None, refused: Arc::default() }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.records()).finish()
    }
}
