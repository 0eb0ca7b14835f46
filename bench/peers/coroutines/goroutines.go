// Go: yield N switches between two goroutines; spawn N, each joined; sleep N at once.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func yield(count int) {
	var group sync.WaitGroup
	group.Add(2)
	turns := func() {
		for i := 0; i < count/2; i++ {
			runtime.Gosched()
		}
		group.Done()
	}
	go turns()
	go turns()
	group.Wait()
}

func spawn(count int) {
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go group.Done()
		group.Wait()
	}
}

func resident() int {
	var size, pages int
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize()
}

func sleepers(count int) {
	before := resident()
	for i := 0; i < count; i++ {
		go time.Sleep(30 * time.Second)
	}
	time.Sleep(time.Second)
	fmt.Println((resident()-before)/count, "bytes each")
}

func main() {
	runtime.GOMAXPROCS(1)
	count, _ := strconv.Atoi(os.Args[2])
	begin := time.Now()
	switch os.Args[1] {
	case "yield":
		yield(count)
	case "spawn":
		spawn(count)
	default:
		sleepers(count)
	}
	fmt.Printf("Duration %.9f seconds\n", time.Since(begin).Seconds())
}
