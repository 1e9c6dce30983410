//! What the server's process takes of its machine.

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

pub(crate) struct Load {
    /// `None` where the machine does not tell.
    own: Option<(System, Pid)>,
    processors: f64,
}

impl Load {
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let own = System::new().ok().zip(sysinfo::get_current_pid().ok());
        #[expect(clippy::cast_precision_loss, reason = "a few processors")]
        let mut load = Self { own, processors: processors as f64 };
        if let Some((system, _)) = &mut load.own {
            system.refresh_memory();
        }
        load.refresh();
        load
    }

    /// Looks again: what the processor did is known for the time between two looks.
    pub(crate) fn refresh(&mut self) {
        if let Some((system, own)) = &mut self.own {
            let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*own]), false, kind);
        }
    }

    fn process(&self) -> Option<&Process> {
        self.own.as_ref().and_then(|(system, own)| system.process(*own))
    }

    /// The share of all processors that the process used. NaN where nobody tells.
    pub(crate) fn processor(&self) -> f64 {
        self.process().map_or(f64::NAN, |process| f64::from(process.cpu_usage()) / 100.0 / self.processors)
    }

    /// Bytes that it has in memory; 0 where nobody tells.
    pub(crate) fn memory(&self) -> u64 {
        self.process().map_or(0, Process::memory)
    }

    /// The share of the machine's memory. NaN where nobody tells.
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    pub(crate) fn memory_share(&self) -> f64 {
        let all = self.own.as_ref().map_or(0, |(system, _)| system.total_memory());
        if all == 0 { f64::NAN } else { self.memory() as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_the_system() {
        let load = Load::new();
        assert!(load.memory() > 100_000 && load.memory_share() > 0.0 && load.memory_share() < 1.0);
        assert!(load.processor() >= 0.0);
    }
}
