package activities

// PacedQueue is the task queue that loads go over which may wait: Temporal hands them out
// no faster than the vault takes what follows. A provider that does not rotate writes one
// secret for each refresh, not two, and has a queue of its own.
func PacedQueue(taskQueue string, nonRotating bool) string {
	if nonRotating {
		return taskQueue + "-paced-single"
	}
	return taskQueue + "-paced"
}
