package app

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx"
)

// commandTime is how long a command may take.
const commandTime = time.Minute

// system is System(command): runs a command of the shell, if pbx.allow in
// hometone.yaml names system. SYSTEMSTATUS is SUCCESS, APPERROR (the command failed) or
// FAILURE (it could not be run); then the call ends.
func system(ctx context.Context, ch pbx.Channel, args string) error {
	if command(ctx, ch, "System", args) {
		return nil
	}
	return ch.Hangup(pbx.CauseNone)
}

// trySystem is TrySystem(command): System that goes on in any case.
func trySystem(ctx context.Context, ch pbx.Channel, args string) error {
	command(ctx, ch, "TrySystem", args)
	return nil
}

// command runs one and reports whether it could be run.
func command(ctx context.Context, ch pbx.Channel, who, args string) bool {
	exit, err := ch.Switchboard().Command(ctx, args, commandTime)
	status := "SUCCESS"
	switch {
	case err != nil || exit == 127:
		status = "FAILURE"
		ch.Log().Error(who+": the command was not run", "error", err, "exit", exit)
	case exit != 0:
		status = "APPERROR"
	}
	_ = ch.Set("SYSTEMSTATUS", status)
	return status != "FAILURE"
}
