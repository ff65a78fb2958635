package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
)

// ticksPerSecond is what /proc counts CPU time in: USER_HZ, which is 100 on every
// architecture that Go runs on (proc(5)).
const ticksPerSecond = 100

// Usage is what a process has used so far, and holds now.
type Usage struct {
	CPU      time.Duration
	Resident int // bytes
}

// UsageOf reads a process's usage from /proc, which is Linux's.
func UsageOf(pid int) (u Usage, err error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return u, fmt.Errorf("read the usage of a process: %w", err)
	}
	// The name, in parentheses, may hold blanks.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, system = 11, 12 // utime and stime, counted from the state behind the name
	for _, i := range []int{user, system} {
		ticks, err := strconv.Atoi(fields[i])
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	memory, err := os.ReadFile(filepath.Join(proc, "statm"))
	if err != nil {
		return u, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(memory))[1])
	u.Resident = pages * os.Getpagesize()
	return u, err
}

// BusyCPU is the CPU time that everything on this machine has used since it started.
func BusyCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	// "cpu", then user, nice, system, idle, iowait, irq, softirq, and what is counted twice.
	fields := strings.Fields(string(text))
	var busy time.Duration
	for _, i := range []int{1, 2, 3, 6, 7} {
		ticks, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of this machine: %w", err)
		}
		busy += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	return busy, nil
}

// FirstPoll waits until the server has been polled for workflow tasks by a process and
// returns when that was, by the server's clock, which is this machine's.
func (l *Lab) FirstPoll(ctx context.Context, taskQueue string, pid int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	identity := strconv.Itoa(pid) + "@"
	for {
		d, err := l.Client.DescribeTaskQueue(ctx, taskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
		if err != nil {
			return time.Time{}, fmt.Errorf("wait for the first poll of %s: %w", taskQueue, err)
		}
		for _, p := range d.GetPollers() {
			if strings.HasPrefix(p.GetIdentity(), identity) {
				return p.GetLastAccessTime().AsTime(), nil
			}
		}
		if err := Sleep(ctx, 10*time.Millisecond); err != nil {
			return time.Time{}, fmt.Errorf("wait for the first poll of %s: %w", taskQueue, err)
		}
	}
}
