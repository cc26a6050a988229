//go:build !linux

package rest

import "time"

// For waits for d.
func For(d time.Duration) { time.Sleep(d) }
