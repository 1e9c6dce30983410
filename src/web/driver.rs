//! A scheduler: one event in, the core's actions out, one deadline.

use super::border::Buffers;
use super::codes::{Figure, LaneFigure, SchedulerEvent, SubmitFlag};
use super::convert::flag;
use super::{convert, options, report};
use crate::config::Config;
use crate::monitor::Record;
use crate::option::{Number, Options};
use crate::priority::Priority;
use crate::queue::{CallFlags, LaneId};
use crate::retry::RetryConfig;
use crate::scheduler::{Event, Measured, Protocol, Scheduler, Submission};
use crate::time::Time;
use std::rc::Rc;

/// Actions that are written at once. JavaScript asks for more with [`SchedulerEvent::Woke`].
const ACTIONS: usize = 64;

/// Numbers of an action.
const ACTION: usize = 4;

/// Numbers of one of several events that are told at once.
const TOGETHER: usize = 4;

/// Added to a code: JavaScript is performing actions already, and reads none that this event brings before it has ended.
const QUIET: u32 = 256;

/// The scheduler, and its buffer: how many actions, the deadline, then the actions.
pub(super) struct Driver {
    core: Scheduler,
    /// Those of the last call that had any: most have the same.
    rules: Option<Rc<RetryConfig>>,
    out: Vec<f64>,
}

impl Driver {
    pub(super) fn new(config: &Config) -> Self {
        Self { core: Scheduler::new(config), rules: None, out: vec![0.0; 2 + ACTIONS * ACTION] }
    }

    pub(super) fn event(&mut self, code: u32, numbers: [f64; 4], now: Time, buffers: &mut Buffers) -> f64 {
        let Some(event) = SchedulerEvent::of(code & !QUIET) else { return f64::NAN };
        let result = self.take(event, numbers, now, buffers);
        if code & QUIET == 0 {
            self.write_actions(now);
        }
        result
    }

    fn take(&mut self, event: SchedulerEvent, numbers: [f64; 4], now: Time, buffers: &mut Buffers) -> f64 {
        let [a, b, c, d] = numbers;
        let (id, lane) = (convert::call_id(a), LaneId(convert::count(a)));
        let event = match event {
            SchedulerEvent::OpenLane => return f64::from(self.core.open_lane().0),
            SchedulerEvent::Submit => return self.submit(lane, b, convert::count(c), d, now, buffers),
            SchedulerEvent::Answered => Event::Answered(id, convert::answer(b, c, d)),
            SchedulerEvent::Failed => Event::Failed(id, convert::cause(b)),
            SchedulerEvent::Permitted => Event::Permitted(id, b > 0.0),
            SchedulerEvent::Headers => {
                self.core.handle(Event::Headers(id, convert::answer(b, c, d)), now);
                return flag(self.core.contains(id));
            }
            SchedulerEvent::Online => Event::Online,
            SchedulerEvent::Leaving => Event::Leaving(a > 0.0),
            SchedulerEvent::Protocol => {
                let protocol = if b > 0.0 { Protocol::Multiplexed } else { Protocol::Serial };
                Event::Protocol(lane, protocol)
            }
            SchedulerEvent::Reading => Event::Reading(id),
            SchedulerEvent::BodyEnded => {
                self.core.received(convert::count(b).into());
                Event::BodyEnded(id)
            }
            SchedulerEvent::Settled => Event::Settled(id, convert::outcome(b)),
            SchedulerEvent::Together => {
                self.take_all(convert::count(a) as usize, now, buffers);
                return 0.0;
            }
            SchedulerEvent::Reprioritise => {
                let waits = self.core.waits(id);
                if let Ok(priority) = Priority::new(b) {
                    self.core.handle(Event::Reprioritised(id, priority), now);
                }
                return flag(waits);
            }
            SchedulerEvent::Pause => Event::Paused,
            SchedulerEvent::Resume => Event::Resumed,
            SchedulerEvent::Clear => Event::Cleared,
            SchedulerEvent::Concurrency => {
                let mut options = Options::default();
                if options.set(Number::Concurrency, a).is_err() {
                    return f64::NAN;
                }
                Event::Concurrency(options.count(Number::Concurrency))
            }
            SchedulerEvent::ForeignSlots => {
                Event::ForeignSlots(lane, convert::count(b), Some(convert::count(c)))
            }
            SchedulerEvent::YieldSlot => Event::YieldSlot(lane),
            SchedulerEvent::Sampled => Event::Sampled(Measured {
                main_thread: buffers.word(0),
                memory: buffers.word(1),
                cpu_pressure: buffers.word(2),
                lookups: convert::count(buffers.word(3)),
                hits: convert::count(buffers.word(4)),
            }),
            SchedulerEvent::Watched => Event::Watched,
            SchedulerEvent::Recorded => {
                let queued = (!b.is_nan()).then(|| crate::option::span(b));
                let response = Some(crate::option::span(c));
                let level = priority_of(a).level();
                self.core.recorded(&Record { level, queued, response, ok: d > 0.0, bytes: 0 }, now);
                return 0.0;
            }
            SchedulerEvent::Received => {
                self.core.received(convert::count(a).into());
                return 0.0;
            }
            SchedulerEvent::Signals => Event::Signals { on: convert::count(a), off: convert::count(b) },
            SchedulerEvent::Triggered => Event::Triggered(convert::count(a), convert::count(b) as u8),
            SchedulerEvent::Reset => Event::Reset,
            SchedulerEvent::Report => {
                return report::write(self.core.samples(crate::option::span(a), now), buffers);
            }
            SchedulerEvent::Woke => Event::Woke,
            SchedulerEvent::Queued => return f64::from(self.core.count().queued),
            SchedulerEvent::Waiting => {
                let mut words = Vec::new();
                for (id, priority, arrived) in self.core.waiting_calls() {
                    let since = convert::millis(arrived.since(Time::ZERO));
                    words.extend_from_slice(&[convert::id_number(id), priority.value(), since]);
                }
                buffers.write(&words);
                return convert::whole(words.len() as u64) / 3.0;
            }
            SchedulerEvent::Running => return f64::from(self.core.count().running),
            SchedulerEvent::Status => return self.status(now, buffers),
            SchedulerEvent::Lane => {
                buffers.write(&self.lane(lane));
                return 0.0;
            }
            #[expect(clippy::cast_precision_loss, reason = "the module has 32 bits of memory")]
            SchedulerEvent::Actions => return self.out.as_ptr() as usize as f64,
        };
        self.core.handle(event, now);
        0.0
    }

    fn take_all(&mut self, count: usize, now: Time, buffers: &mut Buffers) {
        for place in (0..buffers.words.len()).step_by(TOGETHER).take(count) {
            let [code, a, b, c] = [0, 1, 2, 3].map(|k| buffers.word(place + k));
            let event = SchedulerEvent::of(convert::count(code));
            if let Some(event) = event.filter(|event| !matches!(event, SchedulerEvent::Together)) {
                buffers.words[place] = self.take(event, [a, b, c, f64::NAN], now, buffers);
            }
        }
    }

    fn submit(
        &mut self,
        lane: LaneId,
        priority: f64,
        flags: u32,
        arrived: f64,
        now: Time,
        buffers: &Buffers,
    ) -> f64 {
        let set = |flag: SubmitFlag| flags & 1 << flag as u32 != 0;
        let priority = if set(SubmitFlag::Emergency) { Priority::EMERGENCY } else { priority_of(priority) };
        let mut call = Submission::new(lane, priority);
        for (flag, of_core) in [
            (SubmitFlag::Repeatable, CallFlags::REPEATABLE),
            (SubmitFlag::UntilHeaders, CallFlags::UNTIL_HEADERS),
            (SubmitFlag::Resendable, CallFlags::RESENDABLE),
            (SubmitFlag::SameOrigin, CallFlags::SAME_ORIGIN),
            (SubmitFlag::Heedful, CallFlags::HEEDFUL),
            (SubmitFlag::Asks, CallFlags::ASKS),
            (SubmitFlag::StandsIn, CallFlags::STANDS_IN),
        ] {
            if set(flag) {
                call.flags = call.flags.and(of_core);
            }
        }
        call.immediate = set(SubmitFlag::Immediate);
        if !arrived.is_nan() {
            call.arrived = Some(Time::from_millis_f64(arrived));
        }
        if set(SubmitFlag::Limits) {
            let time = |number: Number| {
                let millis = buffers.word(number as usize);
                millis.is_finite().then(|| crate::option::span(millis))
            };
            (call.total, call.attempt, call.wait) =
                (time(Number::Total), time(Number::Attempt), time(Number::Wait));
            call.begun = time(Number::Begun).map(|begun| Time::ZERO.after(begun));
            call.route = buffers.word(Number::Route as usize).max(0.0);
        }
        if set(SubmitFlag::Rules) {
            let said = options::said(buffers).unwrap_or_default();
            self.rules = Some(Rc::new(options::retry(&said, buffers)));
        }
        if set(SubmitFlag::Rules) || set(SubmitFlag::SameRules) {
            call.rules.clone_from(&self.rules);
        }
        convert::id_number(self.core.submit(call, now))
    }

    fn write_actions(&mut self, now: Time) {
        let mut count = 0;
        while count < ACTIONS
            && let Some(action) = self.core.poll_action()
        {
            let place = 2 + count * ACTION;
            self.out[place..place + ACTION].copy_from_slice(&convert::action(action, &self.core, now));
            count += 1;
        }
        self.out[0] = convert::whole(count as u64);
        let deadline = self.core.poll_timeout();
        self.out[1] = deadline.map_or(f64::INFINITY, |at| convert::millis(at.since(Time::ZERO)));
    }

    fn status(&mut self, now: Time, buffers: &mut Buffers) -> f64 {
        let core = &mut self.core;
        let standing = core.standing();
        let (count, totals) = (core.count(), core.totals());
        let mut words = vec![0.0; Figure::Levels as usize];
        for (figure, value) in [
            (Figure::Queued, f64::from(count.queued)),
            (Figure::Running, f64::from(count.running)),
            (Figure::Paused, flag(core.is_paused())),
            (Figure::Concurrency, core.concurrency().map_or(f64::INFINITY, f64::from)),
            (Figure::Completed, convert::whole(totals.completed)),
            (Figure::Failed, convert::whole(totals.failed)),
            (Figure::Cancelled, convert::whole(totals.cancelled)),
            (Figure::Preempted, convert::whole(totals.preempted)),
            (Figure::Retries, convert::whole(totals.retries)),
            (Figure::OldestWait, convert::millis(core.oldest_wait(now))),
            (Figure::Shed, convert::whole(totals.shed)),
            (Figure::Level, standing.map_or(0.0, |standing| f64::from(standing.level))),
            (
                Figure::LevelSince,
                standing.map_or(0.0, |standing| convert::millis(standing.since.since(Time::ZERO))),
            ),
            (Figure::Healthy, flag(standing.is_none_or(|standing| standing.healthy))),
        ] {
            words[figure as usize] = value;
        }
        for level in core.by_level() {
            words.extend([f64::from(level.queued), f64::from(level.running)]);
        }
        let mut lanes = 0;
        for index in 0.. {
            let Some(lane) = core.lane(LaneId(index)) else { break };
            let Some(lane) = lane else { continue };
            lanes += 1;
            words.extend([
                f64::from(lane.lane.0),
                lane.limit.map_or(f64::INFINITY, f64::from),
                f64::from(lane.count.queued),
                f64::from(lane.count.running),
                f64::from(convert::state_number(core.breaker_of(lane.lane, now))),
                convert::millis(core.paused_for(lane.lane, now)),
                core.share_of(lane.lane, now),
            ]);
        }
        buffers.write(&words);
        f64::from(lanes)
    }

    fn lane(&self, lane: LaneId) -> [f64; LaneFigure::ALL.len()] {
        let mut words = [f64::NAN; LaneFigure::ALL.len()];
        let mut write = |figure: LaneFigure, value| words[figure as usize] = value;
        write(LaneFigure::Limit, self.core.limit_of(lane).map_or(f64::INFINITY, f64::from));
        write(LaneFigure::Running, f64::from(self.core.running_in(lane)));
        if let Some(want) = self.core.first(lane) {
            write(LaneFigure::FirstPriority, want.priority.value());
            write(LaneFigure::FirstSince, convert::millis(want.arrived.since(Time::ZERO)));
            write(LaneFigure::FirstReady, flag(want.ready));
        }
        if let Some(level) = self.core.preemptible(lane) {
            write(LaneFigure::Preemptible, f64::from(level as u8));
        }
        words
    }
}

/// Priorities are judged before they come here.
fn priority_of(value: f64) -> Priority {
    Priority::new(value).unwrap_or(crate::priority::Level::Normal.into())
}
