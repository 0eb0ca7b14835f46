// A million empty tasks, each answered over a channel of its own, by workers that read one channel:
// prints seconds a task. `tasks submit|join WORKERS`
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const tasks = 1000000
const window = 1000

type task struct {
	run  func() int
	done chan int
}

func nothing() int { return 0 }

func submit(queue chan *task) int {
	var ring [window]*task
	for i := 0; i < tasks+window; i++ {
		if i >= window {
			<-ring[i%window].done
		}
		if i < tasks {
			t := &task{nothing, make(chan int, 1)}
			ring[i%window] = t
			queue <- t
		}
	}
	return tasks
}

func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	other := make(chan int, 1)
	go func() { other <- fibonacci(n - 2) }()
	return fibonacci(n-1) + <-other
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(workers)
	queue := make(chan *task, 1024)
	for i := 0; i < workers; i++ {
		go func() {
			for t := range queue {
				t.done <- t.run()
			}
		}()
	}
	for round := 0; round < 2; round++ {
		begin := time.Now()
		count := 1346268
		if os.Args[1] == "submit" {
			count = submit(queue)
		} else {
			fibonacci(30)
		}
		if round == 1 {
			fmt.Printf("%.12f\n", time.Since(begin).Seconds()/float64(count))
		}
	}
}
