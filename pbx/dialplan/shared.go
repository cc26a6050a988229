package dialplan

import (
	"fmt"
	"sync"
)

// Shared are variables that other channels may read and set: SHARED(). One
// value serves all channels of a node. The zero value is empty and ready; it
// is safe for concurrent use.
//
// A node calls Add when a channel begins and Drop when it has ended, so that
// nothing is kept for channels that do not exist.
type Shared struct {
	mu       sync.RWMutex
	channels map[string]map[string]string // guarded by mu
}

// Get returns a variable of a channel.
func (s *Shared) Get(channel, name string) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.channels[channel][name]
	return value, ok
}

// Add makes a channel known, so that others may set variables of it.
func (s *Shared) Add(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channels == nil {
		s.channels = map[string]map[string]string{}
	}
	if _, known := s.channels[channel]; !known {
		s.channels[channel] = nil // the map is made when it is needed
	}
}

func (s *Shared) known(channel string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, known := s.channels[channel]
	return known
}

// set sets a variable of a channel.
func (s *Shared) set(channel, name, value string, limits *Limits) error {
	if len(value) > limits.Variable {
		return fmt.Errorf("SHARED(%s): value of %d bytes is over the limit of %d", name, len(value), limits.Variable)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := s.channels[channel]
	if _, known := mine[name]; !known && len(mine) >= limits.Variables {
		return fmt.Errorf("SHARED(%s): the channel already has %d shared variables", name, len(mine))
	}
	if s.channels == nil {
		s.channels = map[string]map[string]string{}
	}
	if mine == nil {
		mine = map[string]string{}
		s.channels[channel] = mine
	}
	mine[name] = value
	return nil
}

// Drop forgets the variables of a channel that has ended.
func (s *Shared) Drop(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, channel)
}

func sharedFunctions() Functions {
	return Functions{"SHARED": {Read: readShared, Write: writeShared, Doc: "A variable that other channels may read and set."}}
}

// sharedPlace reads NAME[,CHANNEL].
func (e *Env) sharedPlace(args string) (name, channel string, err error) {
	list, err := need(args, 1, 2, "SHARED(NAME[,CHANNEL])")
	if err != nil {
		return "", "", err
	}
	if name, channel = arg(list, 0), arg(list, 1); channel == "" {
		return name, e.channelName(), nil
	}
	if channel != e.channelName() && !e.shared.known(channel) {
		return "", "", fmt.Errorf("SHARED: there is no channel %s", channel)
	}
	return name, channel, nil
}

func readShared(e *Env, args string) (string, error) {
	name, channel, err := e.sharedPlace(args)
	if err != nil {
		return "", err
	}
	value, _ := e.shared.Get(channel, name)
	return value, nil
}

func writeShared(e *Env, args, value string) error {
	name, channel, err := e.sharedPlace(args)
	if err != nil {
		return err
	}
	return e.shared.set(channel, name, value, &e.limits)
}
