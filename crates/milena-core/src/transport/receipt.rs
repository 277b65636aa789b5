use crate::error::{Error, ErrorKind};
use std::{fmt, sync::Arc};

/// A promise to tell how something ended: a delivery to the broker, or the work that an `Ack` stands for.
///
/// A producer takes one with each record and [gives it back](Self::deliver) when the broker has
/// answered. Dropping it says that no answer will come, so nothing that waits for one waits for ever.
pub struct Receipt {
    to: Option<Arc<dyn Receive>>,
    token: u64,
    witness: Option<Arc<dyn Witness>>,
}

impl Receipt {
    /// A receipt that reports to `to` under this token.
    pub fn new(to: Arc<dyn Receive>, token: u64) -> Self {
        Self { to: Some(to), token, witness: None }
    }

    /// The same receipt, of which `witness` hears before whom it reports to; it takes the place of another.
    ///
    /// This is for what stands between a program and its producer, and costs no allocation.
    #[must_use]
    pub fn with_witness(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witness = Some(witness);
        self
    }

    /// Tells how it ended.
    pub fn deliver(mut self, result: Result<Delivered, Error>) {
        self.tell(result);
    }

    /// Takes it back, so that nothing is told: what it stood for was never begun.
    pub fn cancel(mut self) {
        self.to = None;
    }
}

impl Receipt {
    fn tell(&mut self, result: Result<Delivered, Error>) {
        let Some(to) = self.to.take() else { return };
        if let Some(witness) = self.witness.take() {
            witness.saw(result.as_ref());
        }
        to.receive(self.token, result);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if self.to.is_some() {
            let message = "could not learn the outcome: it was given up";
            self.tell(Err(Error::new(ErrorKind::Driver, message)));
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.token)
    }
}

/// Who waits for receipts.
pub trait Receive: Send + Sync + 'static {
    /// The receipt of this token came back. It is called once a receipt, on any thread, and must not block.
    fn receive(&self, token: u64, result: Result<Delivered, Error>);
}

/// Who looks at the outcomes of records that others wait for.
pub trait Witness: Send + Sync + 'static {
    /// A record ended like this. It is called on any thread, and must not block.
    fn saw(&self, result: Result<&Delivered, &Error>);
}

/// Where the broker put a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}
