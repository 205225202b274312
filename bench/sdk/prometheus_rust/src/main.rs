// The operations of bench_metrics.c with the Rust crate `prometheus`; the same lines of output.
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};
use prometheus::{Counter, CounterVec};
use std::hint::black_box;

const RUNS: usize = 7;
const SERIES: usize = 10_000;

/// Nanoseconds of processor time of the calling thread.
fn now() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 * 1e9 + t.tv_nsec as f64
}

fn print(name: &str, threads: usize, mut ns: Vec<f64>) {
    ns.sort_by(f64::total_cmp);
    println!("prometheus-rust\t{name}\t{threads}\t{:.2}\t{:.2}\t{:.2}", ns[RUNS / 2], ns[0], ns[RUNS - 1]);
}

fn measure(name: &str, n: usize, run: impl Fn(usize) + Sync) {
    for threads in 1..=2 {
        let ns = (0..RUNS)
            .map(|_| {
                let spent: f64 = std::thread::scope(|scope| {
                    let all: Vec<_> = (0..threads)
                        .map(|_| {
                            scope.spawn(|| {
                                run(n);
                                let start = now();
                                run(n);
                                now() - start
                            })
                        })
                        .collect();
                    all.into_iter().map(|one| one.join().unwrap()).sum()
                });
                spent / threads as f64 / n as f64
            })
            .collect();
        print(name, threads, ns);
    }
}

fn measure_text(name: &str, registry: &Registry) {
    let mut ns = Vec::new();
    let mut text = Vec::new();
    for i in 0..=RUNS {
        text.clear();
        let start = now();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
        if i > 0 {
            ns.push((now() - start) / SERIES as f64);
        }
    }
    print(name, 1, ns);
}

fn text_of_integers() {
    let registry = Registry::new();
    let family = IntCounterVec::new(Opts::new("c_total", "c"), &["route", "method", "code"]).unwrap();
    registry.register(Box::new(family.clone())).unwrap();
    for i in 0..SERIES {
        family.with_label_values(&[&format!("/route/{i}"), "GET", "200"]).inc_by(i as u64 * 17);
    }
    measure_text("text of 10000 series, integers", &registry);
}

fn text_of_fractions() {
    let registry = Registry::new();
    let family = CounterVec::new(Opts::new("c_total", "c"), &["route", "method", "code"]).unwrap();
    registry.register(Box::new(family.clone())).unwrap();
    for i in 0..SERIES {
        let series: Counter = family.with_label_values(&[&format!("/route/{i}"), "GET", "200"]);
        series.inc_by(i as f64 * 1.0001);
    }
    measure_text("text of 10000 series, fractions", &registry);
}

fn main() {
    let bound = IntCounter::new("bound_total", "b").unwrap();
    measure("counter, bound", 10_000_000, |n| {
        for _ in 0..n {
            black_box(&bound).inc();
        }
    });
    let counters = IntCounterVec::new(Opts::new("requests_total", "r"), &["route", "method", "code"]).unwrap();
    let routes = ["/", "/users", "/orders", "/items"];
    let methods = ["GET", "POST", "PUT", "DELETE"];
    measure("counter, 3 attributes of 16 sets", 1_000_000, |n| {
        for i in 0..n {
            counters.with_label_values(&[routes[i & 3], methods[i >> 2 & 3], "200"]).inc();
        }
    });
    let bounds = vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0];
    let histogram = Histogram::with_opts(HistogramOpts::new("h", "h").buckets(bounds)).unwrap();
    measure("histogram of 12 bounds, bound", 3_000_000, |n| {
        let mut v = 0.001;
        for _ in 0..n {
            histogram.observe(v);
            v = if v > 20.0 { 0.001 } else { v * 1.37 };
        }
    });
    text_of_integers();
    text_of_fractions();
}
