//! fib(30) by Rayon's join: prints seconds a join. `rayon-tasks WORKERS`
use std::time::Instant;

fn fibonacci(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (left, right) = rayon::join(|| fibonacci(n - 1), || fibonacci(n - 2));
    left + right
}

fn main() {
    let workers = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
    for round in 0..2 {
        let begin = Instant::now();
        assert_eq!(pool.install(|| fibonacci(30)), 832040);
        if round == 1 {
            println!("{:.12}", begin.elapsed().as_secs_f64() / 1346268.0);
        }
    }
}
