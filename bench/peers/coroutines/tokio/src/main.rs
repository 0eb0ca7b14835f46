// Tokio, one thread: yield N switches between two tasks; spawn N, each joined.
use std::time::Instant;

async fn turns(count: usize) {
    for _ in 0..count / 2 {
        tokio::task::yield_now().await;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: usize = arguments[2].parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let begin = Instant::now();
    runtime.block_on(async {
        if arguments[1] == "yield" {
            let one = tokio::spawn(turns(count));
            let two = tokio::spawn(turns(count));
            one.await.unwrap();
            two.await.unwrap();
        } else {
            for _ in 0..count {
                tokio::spawn(async {}).await.unwrap();
            }
        }
    });
    println!("Duration {:.9} seconds", begin.elapsed().as_secs_f64());
}
