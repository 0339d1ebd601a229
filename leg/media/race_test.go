//go:build race

package media

// raced says that the race detector runs: it empties pools at random.
const raced = true
