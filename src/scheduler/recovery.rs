//! What comes of attempts: retries, pauses, breakers and rate limits, and how they meet slots and order.
//!
//! A call that is to be tried again gives its slot back at once. While it is held it stands beside the line; after
//! that, or where its whole lane pauses, it stands in line again at its old place.

use super::{Action, Record, Refusal, Scheduler, Stage};
use crate::breaker::{Permit, Report, State};
use crate::gate::Standing;
use crate::limit::Sample;
use crate::queue::{CallId, LaneId};
use crate::retry::{Failure, RetryConfig, What};
use crate::time::{Duration, Time};

/// A pause is longer than asked for by up to this share of it, so that not everybody comes back at once,
const SPREAD: u32 = 10;
/// and by no more than this.
const MOST_SPREAD: Duration = Duration::from_secs(1);

/// What a status says of an origin's health.
pub(super) const fn report_of(status: u16) -> Report {
    match status {
        // It is not to be seen.
        0 => Report::Nothing,
        400..=499 => Report::Alive,
        500..=599 => Report::Failure,
        _ => Report::Success,
    }
}

/// What a status says of an origin's load.
pub(super) const fn sample_of(status: u16) -> Sample {
    // By 503 a server says that it has too much to do.
    if status == 503 { Sample::Refusal } else { Sample::RoundTrip }
}

impl Scheduler {
    /// An attempt that is under way has failed. Whether another one follows, and after which delay: where
    /// there is no network, and where its lane pauses, that is a guess. `None`: what came of the attempt is
    /// final, and [`Event::Headers`](super::Event::Headers) or [`Event::Settled`](super::Event::Settled) is to come.
    ///
    /// With `commit`, the call waits from now on; [`Action::Start`] will come again. Without, it is only asked.
    pub fn retry(
        &mut self,
        id: CallId,
        config: &RetryConfig,
        failure: &Failure<'_>,
        commit: bool,
        now: Time,
    ) -> Option<Duration> {
        self.hear_failure(id, config, failure, now);
        let delay = self.next_attempt(id, config, failure, commit, now);
        self.work_off(now);
        delay
    }

    fn hear_failure(&mut self, id: CallId, config: &RetryConfig, failure: &Failure<'_>, now: Time) {
        let pause = config.pause(failure.asked);
        let (report, sample) = match failure.what {
            // A pause is what a server that is well asks for. One that nobody makes says nothing of that.
            What::Status(429 | 503) if pause.is_some() => (Report::Nothing, Some(Sample::Refusal)),
            What::Status(429) if failure.asked.is_some() => (Report::Alive, Some(Sample::Refusal)),
            What::Status(status) => (report_of(status), Some(sample_of(status))),
            What::Expired => (Report::Failure, None),
            What::NoResponse { .. } => (Report::Failure, Some(Sample::Refusal)),
            What::Offline { .. } => (Report::Nothing, None),
        };
        let first = matches!(self.stage(id), Some(Stage::Sent { reported: false, .. }));
        self.hear(id, report, sample, now);
        if let (Some(asked), Some(lane), true) = (pause, self.queue.lane_of(id), first) {
            let spread = (asked / SPREAD).min(MOST_SPREAD).mul_f64(self.random.fraction());
            if self.gates[lane.0 as usize].pause(now.after(asked).after(spread)) {
                self.actions.push_back(Action::Pause(lane));
                self.queue.begin_slowly(lane);
            }
            self.settle_gate(lane, now);
        }
    }

    fn next_attempt(
        &mut self,
        id: CallId,
        config: &RetryConfig,
        failure: &Failure<'_>,
        commit: bool,
        now: Time,
    ) -> Option<Duration> {
        let lane = self.queue.lane_of(id)?;
        let record = self.records.get(id)?;
        let sent = matches!(record.stage, Stage::Sent { .. });
        let gate = &mut self.gates[lane.0 as usize];
        let offline = matches!(failure.what, What::Offline { .. });
        if !sent
            || !config.allows(failure, record.retries)
            || !(offline || config.affords(&gate.budget, now))
            || gate.standing(now) == Standing::Refuses
        {
            return None;
        }
        let pause = gate.paused_for(now);
        let backoff = if commit && !offline {
            config.delay(record.retries.saturating_add(1), record.backoff, &mut self.random)
        } else {
            Duration::ZERO
        };
        // What a server asks for is "how long the user agent ought to wait" at least (RFC 9110, section 10.2.3): it may be
        // less than what this call waits anyway.
        let delay = backoff.max(pause);
        if record.total_until <= now.after(delay) {
            return None;
        }
        if commit {
            let stage = if offline {
                Stage::Offline
            } else if backoff > pause {
                Stage::Delayed { until: now.after(backoff) }
            } else {
                // For a pause it waits in line, like everybody.
                Stage::Queued
            };
            self.hold(id, lane, Record { stage, backoff, ..record }, now);
        }
        Some(delay)
    }

    /// Takes the slot of a call that is to be tried again.
    fn hold(&mut self, id: CallId, lane: LaneId, mut record: Record, now: Time) {
        self.totals.retries += 1;
        // What could not be sent used no attempt up.
        if record.stage != Stage::Offline {
            record.retries = record.retries.saturating_add(1);
            self.gates[lane.0 as usize].budget.retry(now);
        }
        self.records.put(id, record);
        if record.stage.is_parked() {
            self.queue.park(id);
        } else {
            self.queue.put_back(id);
        }
    }

    /// There is a network again: who waited for that is in line.
    pub(super) fn online(&mut self) {
        let held = self.records.parked().filter(|(_, stage)| *stage == Stage::Offline);
        for (id, _) in held.collect::<Vec<_>>() {
            if let Some(record) = self.records.get(id) {
                self.records.put(id, Record { stage: Stage::Queued, ..record });
            }
            self.queue.unpark(id);
            if let Some(lane) = self.queue.lane_of(id) {
                self.queue.begin_slowly(lane);
            }
        }
    }

    /// What came of an attempt: heard once, whoever tells it first. `sample`: what it says of the lane's load.
    pub(super) fn hear(&mut self, id: CallId, report: Report, sample: Option<Sample>, now: Time) {
        let Some(record) = self.records.get(id) else { return };
        let Stage::Sent { since, until, permit, reported: false } = record.stage else { return };
        let stage = Stage::Sent { since, until, permit: None, reported: true };
        self.records.put(id, Record { stage, ..record });
        let Some(lane) = self.queue.lane_of(id) else { return };
        if let Some(sample) = sample {
            self.queue.sample(lane, sample, since, now);
        }
        if matches!(report, Report::Success | Report::Alive) {
            self.queue.went_well(lane);
        }
        if let Some(permit) = permit {
            self.gates[lane.0 as usize].report(permit, report, now);
            self.settle_gate(lane, now);
        }
    }

    /// It was never sent: what it took is there again.
    pub(super) fn unsent(&mut self, id: CallId, now: Time) {
        let since = match self.stage(id) {
            Some(Stage::Sent { since, .. }) => Some(since),
            _ => None,
        };
        self.hear(id, Report::Nothing, None, now);
        if let (Some(since), Some(lane), true) = (since, self.queue.lane_of(id), self.is_guarded()) {
            self.gates[lane.0 as usize].unsent(since, now);
            self.settle_gate(lane, now);
        }
    }

    /// Whether lanes have gates that each call passes.
    pub(super) const fn is_guarded(&self) -> bool {
        self.breaker.is_some() || self.rate.is_some()
    }

    /// A new call stands before its lane's gate.
    pub(super) fn pass_gate(&mut self, id: CallId, lane: LaneId, now: Time) {
        // Only itself: whoever waited before was turned away when the breaker opened.
        if self.gates[lane.0 as usize].standing(now) == Standing::Refuses {
            self.refuse(id, Refusal::CircuitOpen(lane));
        } else {
            self.settle_gate(lane, now);
        }
    }

    /// A call goes through its lane's gate.
    pub(super) fn enter_gate(&mut self, id: CallId, retries: u32, now: Time) -> Option<Permit> {
        let lane = self.queue.lane_of(id)?;
        let guarded = self.is_guarded();
        let gate = &mut self.gates[lane.0 as usize];
        if retries == 0 {
            gate.budget.request(now);
        }
        if !guarded {
            return None;
        }
        let permit = gate.start(now);
        self.settle_gate(lane, now);
        permit
    }

    pub(super) fn look_at_gate(&mut self, id: CallId, now: Time) {
        if let (Some(lane), true) = (self.queue.lane_of(id), self.is_guarded()) {
            self.settle_gate(lane, now);
        }
    }

    /// Opens and closes a lane as its gate says.
    pub(super) fn settle_gate(&mut self, lane: LaneId, now: Time) {
        let gate = &mut self.gates[lane.0 as usize];
        let standing = gate.standing(now);
        if let Some(state) = gate.breaker_change(now) {
            self.actions.push_back(Action::Breaker(lane, state));
            if state == State::Closed {
                self.queue.begin_slowly(lane);
            }
        }
        self.shut.retain(|&(shut, _)| shut != lane);
        self.queue.set_closed(lane, standing != Standing::Open);
        match standing {
            Standing::Open => {}
            Standing::Until(at) => self.shut.push((lane, at)),
            Standing::Refuses if !self.queue.waits_in(lane) => {}
            Standing::Refuses => {
                for id in self.queue.waiting_in(lane) {
                    self.refuse(id, Refusal::CircuitOpen(lane));
                }
            }
        }
    }

    /// Where the breaker of a lane stands; closed where there is none.
    pub fn breaker_of(&self, lane: LaneId, now: Time) -> State {
        self.gates.get(lane.0 as usize).map_or(State::Closed, |gate| gate.breaker(now))
    }

    /// What is left of a pause that a lane's origin asked for.
    pub fn paused_for(&self, lane: LaneId, now: Time) -> Duration {
        self.gates.get(lane.0 as usize).map_or(Duration::ZERO, |gate| gate.paused_for(now))
    }

    /// When asking a breaker again makes sense that turned a call away.
    pub fn retry_after(&self, lane: LaneId, now: Time) -> Option<Duration> {
        self.gates.get(lane.0 as usize).and_then(|gate| gate.retry_after(now))
    }
}
