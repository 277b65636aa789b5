//! Rights, given and taken by an operator, who is at the listener that asks nobody: a request of Kafka's protocol each.

use super::cluster::variable;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

/// What a right is to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource {
    Topic = 2,
    Group = 3,
    TransactionalId = 5,
}

/// What it allows to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Read = 3,
    Write = 4,
}

/// A right of the user of the cluster with a plain password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right<'a>(pub(crate) Resource, pub(crate) &'a str, pub(crate) Operation);

const CREATE: i16 = 30;
const DELETE: i16 = 31;
/// The last version before there are tags.
const VERSION: i16 = 1;
const LITERAL: u8 = 3;
const DENY: u8 = 2;

impl Right<'_> {
    /// Takes it.
    pub(crate) fn take(self) {
        self.ask(CREATE);
    }

    /// Gives it back.
    pub(crate) fn restore(self) {
        self.ask(DELETE);
    }

    /// Creates the denial, or deletes it: both have the same fields, and the code is in the same place of the answer.
    fn ask(self, api: i16) {
        let mut request = Vec::new();
        for number in [api, VERSION, 0, 1] {
            request.extend(number.to_be_bytes());
        }
        text(&mut request, "operator");
        request.extend(1_i32.to_be_bytes());
        request.push(self.0 as u8);
        text(&mut request, self.1);
        request.push(LITERAL);
        text(&mut request, &format!("User:{}", variable("KAFKA_PLAIN_USER")));
        text(&mut request, "*");
        request.extend([self.2 as u8, DENY]);
        let answer = answer(&request);
        // Behind the number of the request, the time to throttle and how many results there are.
        assert_eq!(answer[8..14], [0, 0, 0, 1, 0, 0], "{self:?}: {answer:?}");
    }
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    to.extend(text.as_bytes());
}

fn answer(request: &[u8]) -> Vec<u8> {
    let mut broker = TcpStream::connect(variable("KAFKA_BROKERS")).unwrap();
    broker.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    broker.write_all(request).unwrap();
    let mut length = [0; 4];
    broker.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    broker.read_exact(&mut answer).unwrap();
    answer
}
