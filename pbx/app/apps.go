// Package app holds the applications of the dialplan, one file each, and the
// table that names them. An application is a function of a pbx.Channel and
// knows nothing else of the exchange; to add one, write its file, its test and
// one line here.
package app

import "github.com/hometone/hometone/pbx"

// All returns the table of applications, in alphabetical order.
func All() []pbx.App {
	return []pbx.App{
		{Name: "Answer", Run: answer, Doc: "Answers the call."},
		{Name: "Background", Run: background, Doc: "Plays sound files while an extension may be dialled."},
		{Name: "Busy", Run: busy, Doc: "Refuses the call as busy, or plays the busy tone."},
		{Name: "Congestion", Run: congestion, Doc: "Refuses the call as congested, or plays the reorder tone."},
		{Name: "ContinueWhile", Run: step(pbx.Script.ContinueWhile), Doc: "Begins the next round of a loop."},
		{Name: "DBdel", Run: dbDel, Doc: "Forgets a value of DB()."},
		{Name: "DBdeltree", Run: dbDelTree, Doc: "Forgets a family of DB(), or a part of one."},
		{Name: "Dial", Run: dial, Doc: "Calls out and connects whoever answers first."},
		{Name: "DumpChan", Run: dumpChan, Doc: "Writes the channel's state to the log."},
		{Name: "Echo", Run: echo, Doc: "Sends back what it hears."},
		{Name: "Else", Run: step(pbx.Script.Else), Doc: "Begins what an If runs when no condition held."},
		{Name: "ElseIf", Run: stepIf(pbx.Script.ElseIf), Doc: "Begins what an If runs by another condition."},
		{Name: "EndIf", Run: step(pbx.Script.EndIf), Doc: "Ends what an If began."},
		{Name: "EndWhile", Run: step(pbx.Script.EndWhile), Doc: "Ends a loop: goes back to its While."},
		{Name: "Exec", Run: exec, Doc: "Runs an application by a computed name."},
		{Name: "ExecIf", Run: execIf, Doc: "Runs one of two applications by a condition."},
		{Name: "ExecIfTime", Run: execIfTime, Doc: "Runs one of two applications by the time of day."},
		{Name: "ExitIf", Run: step(pbx.Script.ExitIf), Doc: "Goes on behind the EndIf."},
		{Name: "ExitWhile", Run: step(pbx.Script.ExitWhile), Doc: "Goes on behind the EndWhile."},
		{Name: "Gosub", Run: gosub, Doc: "Calls a subroutine of the dialplan."},
		{Name: "GosubIf", Run: gosubIf, Doc: "Calls one of two subroutines by a condition."},
		{Name: "Goto", Run: goTo, Doc: "Goes on at another priority, extension or context."},
		{Name: "GotoIf", Run: gotoIf, Doc: "Goes to one of two places by a condition."},
		{Name: "GotoIfTime", Run: gotoIfTime, Doc: "Goes to one of two places by the time of day."},
		{Name: "Hangup", Run: hangup, Doc: "Ends the call, with a cause if one is given."},
		{Name: "If", Run: stepIf(pbx.Script.If), Doc: "Runs the lines to EndIf if a condition holds."},
		{Name: "Log", Run: logLine, Doc: "Writes a line of a level to the log."},
		{Name: "Milliwatt", Run: milliwatt, Doc: "Plays the 1004 Hz test tone."},
		{Name: "MSet", Run: mset, Doc: "Sets several variables."},
		{Name: "NoOp", Run: noop, Doc: "Does nothing."},
		{Name: "Playback", Run: playback, Doc: "Plays sound files to the end."},
		{Name: "PlayTones", Run: playTones, Doc: "Plays a tone beneath what follows."},
		{Name: "Progress", Run: progress, Doc: "Opens early media with 183."},
		{Name: "RaiseException", Run: raiseException, Doc: "Goes to the extension e."},
		{Name: "Read", Run: read, Doc: "Collects keys into a variable."},
		{Name: "Return", Run: goBack, Doc: "Goes back from a subroutine."},
		{Name: "Ringing", Run: ringing, Doc: "Tells the caller that it rings."},
		{Name: "SayDigits", Run: sayDigits, Doc: "Says digits one by one."},
		{Name: "SendDTMF", Run: sendDTMF, Doc: "Sends keys to the caller."},
		{Name: "SendText", Run: sendText, Doc: "Sends a text to the caller."},
		{Name: "Set", Run: set, Doc: "Sets a variable or a function."},
		{Name: "StackPop", Run: stackPop, Doc: "Forgets the innermost subroutine call."},
		{Name: "StopPlayTones", Run: stopPlayTones, Doc: "Ends PlayTones."},
		{Name: "Transfer", Run: transfer, Doc: "Sends the caller elsewhere, by 302 or REFER."},
		{Name: "TryExec", Run: tryExec, Doc: "Runs an application and tells whether it failed."},
		{Name: "UserEvent", Run: userEvent, Doc: "Writes an event to the log."},
		{Name: "Verbose", Run: verbose, Doc: "Writes a line to the console."},
		{Name: "Wait", Run: wait, Doc: "Lets time pass."},
		{Name: "WaitExten", Run: waitExten, Doc: "Waits for an extension to be dialled."},
		{Name: "WaitUntil", Run: waitUntil, Doc: "Waits for a moment of time."},
		{Name: "While", Run: stepIf(pbx.Script.While), Doc: "Runs the lines to EndWhile as long as a condition holds."},
	}
}
