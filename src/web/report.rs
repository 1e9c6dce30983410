//! Samples and trends as numbers.

use super::border::Buffers;
use super::codes::SampleFigure;
use super::convert::{millis, whole};
use crate::monitor::{Sample, Times, trend};
use crate::time::Time;

/// A trend looks at all pairs of its points: of more samples than this, some are passed over.
const POINTS: usize = 120;

/// Writes the trends, then each sample, then all of them merged. Returns how many samples there are.
pub(super) fn write(samples: &[Sample], buffers: &mut Buffers) -> f64 {
    let mut words = Vec::new();
    let queued = |sample: &Sample| Some(f64::from(sample.gauges.queued));
    for value in [p95, Sample::error_rate, queued] {
        let mut points = Vec::new();
        for sample in samples.iter().step_by(samples.len().div_ceil(POINTS).max(1)) {
            if let Some(value) = value(sample) {
                points.push((millis(sample.at.since(Time::ZERO)) / 60_000.0, value));
            }
        }
        let (slope, next) = trend(&points).map_or((f64::NAN, f64::NAN), |found| (found.slope, found.next));
        words.push(slope);
        words.push(next);
    }
    let mut all = Sample::new(Time::ZERO);
    for sample in samples {
        write_sample(sample, &mut words);
        all.merge(sample);
    }
    write_sample(&all, &mut words);
    buffers.write(&words);
    whole(samples.len() as u64)
}

fn p95(sample: &Sample) -> Option<f64> {
    sample.all().response.quantile(0.95)
}

fn write_sample(sample: &Sample, words: &mut Vec<f64>) {
    let Sample { at, span, failed, bytes, lookups, hits, gauges, .. } = *sample;
    let mut head = [0.0; SampleFigure::Levels as usize];
    head[SampleFigure::At as usize] = millis(at.since(Time::ZERO));
    head[SampleFigure::Span as usize] = millis(span);
    head[SampleFigure::Failed as usize] = whole(failed);
    head[SampleFigure::Bytes as usize] = whole(bytes);
    head[SampleFigure::Lookups as usize] = whole(lookups);
    head[SampleFigure::Hits as usize] = whole(hits);
    head[SampleFigure::Queued as usize] = f64::from(gauges.queued);
    head[SampleFigure::Running as usize] = f64::from(gauges.running);
    head[SampleFigure::MainThread as usize] = gauges.main_thread;
    head[SampleFigure::Memory as usize] = gauges.memory;
    head[SampleFigure::CpuPressure as usize] = gauges.cpu_pressure;
    words.extend_from_slice(&head);
    write_times(&sample.all(), words);
    for times in &sample.levels {
        write_times(times, words);
    }
}

fn write_times(times: &Times, words: &mut Vec<f64>) {
    words.push(whole(times.requests));
    for table in [&times.queued, &times.response] {
        words.push(whole(table.count()));
        for share in [0.5, 0.95, 0.99, 1.0] {
            words.push(table.quantile(share).unwrap_or(f64::NAN));
        }
    }
}
