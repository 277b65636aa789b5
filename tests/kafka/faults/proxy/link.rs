//! A listener in front of a broker, and the connections through it.

use super::{
    frames::{Api, Frame},
    plan::{Fate, Hole, Moment, Plan, Rest, Way},
};
use std::{collections::HashMap, io, sync::Mutex};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// Passes on what comes, and ends when it is dropped.
pub(super) async fn serve(listener: TcpListener, broker: String, plan: Plan) {
    let mut links = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let (broker, plan) = (broker.clone(), plan.clone());
        links.spawn(async move {
            let Ok(far) = TcpStream::connect(&broker).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let link = Link { broker, plan, open: Mutex::default() };
            // However it ends, both connections are closed.
            let _ = link.run(near, far).await;
        });
        while links.try_join_next().is_some() {}
    }
}

type Later = (Instant, Frame);

/// A connection of a client, and the one behind it.
struct Link {
    broker: String,
    plan: Plan,
    /// The requests that are not answered.
    open: Mutex<HashMap<i32, Api>>,
}

impl Link {
    async fn run(&self, near: TcpStream, far: TcpStream) -> io::Result<()> {
        let ((near, to_client), (far, to_broker)) = (near.into_split(), far.into_split());
        let (requests, passed) = mpsc::unbounded_channel();
        let (answers, answered) = mpsc::unbounded_channel();
        tokio::select! {
            ended = self.requests(near, requests) => ended,
            ended = self.answers(far, answers) => ended,
            ended = self.pass(Way::ToBroker, passed, to_broker) => ended,
            ended = self.pass(Way::ToClient, answered, to_client) => ended,
            () = self.plan.cut.notified() => Ok(()),
        }
    }

    async fn requests(
        &self,
        mut near: OwnedReadHalf,
        passed: mpsc::UnboundedSender<Later>,
    ) -> io::Result<()> {
        loop {
            let frame = Frame::read(&mut near).await?;
            let (api, number) = (frame.api(), frame.number());
            self.deliver(Moment::Before(api)).await?;
            match self.plan.request(frame) {
                Ok(frame) => {
                    self.open.lock().unwrap().insert(number, api);
                    let _ = passed.send((Instant::now() + self.plan.delay(), frame));
                }
                Err(Rest::Open) => {}
                Err(Rest::Cut) => return Ok(()),
            }
        }
    }

    async fn answers(
        &self,
        mut far: OwnedReadHalf,
        answered: mpsc::UnboundedSender<Later>,
    ) -> io::Result<()> {
        loop {
            let frame = Frame::read(&mut far).await?;
            let api = self.open.lock().unwrap().remove(&frame.answers());
            if let Some(api) = api {
                self.deliver(Moment::Behind(api)).await?;
            }
            match api.map_or(Fate::Passes, |api| self.plan.answer(api)) {
                Fate::Passes => {
                    let _ = answered.send((Instant::now() + self.plan.delay(), frame));
                }
                Fate::IsLost(Rest::Open) => {}
                Fate::IsLost(Rest::Cut) => return Ok(()),
            }
        }
    }

    /// Writes what comes when it is time, in its order.
    async fn pass(
        &self,
        way: Way,
        mut frames: mpsc::UnboundedReceiver<Later>,
        mut to: OwnedWriteHalf,
    ) -> io::Result<()> {
        let mut is_dead = false;
        while let Some((due, frame)) = frames.recv().await {
            sleep_until(due).await;
            is_dead |= self.is_swallowed(way).await;
            if is_dead {
                self.plan.count(|fired| fired.swallowed += 1);
                continue;
            }
            self.write(frame, &mut to).await?;
        }
        Ok(())
    }

    /// Waits while nothing passes, and says whether what comes is gone.
    async fn is_swallowed(&self, way: Way) -> bool {
        let mut hole = self.plan.hole.subscribe();
        let now = *hole.borrow_and_update();
        match now.filter(|hole| hole.way() == way) {
            None => false,
            Some(Hole::Swallows(_)) => true,
            Some(waits) => {
                self.plan.count(|fired| fired.silenced += 1);
                let _ = hole.wait_for(|hole| *hole != Some(waits)).await;
                false
            }
        }
    }

    async fn write(&self, frame: Frame, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        // A piece at a time, so that what is slow is never silent for long.
        for piece in frame.0.chunks(4096) {
            sleep(self.plan.takes(piece.len())).await;
            to.write_all(piece).await?;
        }
        Ok(())
    }

    /// Delivers what was held until now, on connections of its own.
    async fn deliver(&self, now: Moment) -> io::Result<()> {
        for late in self.plan.due(now) {
            let mut far = TcpStream::connect(&self.broker).await?;
            far.write_all(&late.0).await?;
            let code = Frame::read(&mut far).await?.code();
            self.plan.count(|fired| fired.late.push(code));
        }
        Ok(())
    }
}
